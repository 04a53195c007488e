"""The sample payments: the same for a seed, right in form, and with a known share of failures."""

import re
from collections import Counter
from pathlib import Path

import pytest

from kurs.kernel.money import exponent, parse_amount
from loadtest.catalogue import CURRENCIES, settlement_currency
from loadtest.dummygen import FAILING_SHARES, generate, main
from loadtest.expectations import (
    ACCOUNT_NOT_FOUND,
    CAPTURED,
    INSUFFICIENT_FUNDS,
    RISK_DECLINED,
    SAME_ACCOUNT,
    expected,
)
from loadtest.rows import read_rows

COMMITTED = Path(__file__).parents[1] / "data" / "dummy_transactions.csv"


def test_the_committed_file_is_what_seed_7_gives() -> None:
    assert read_rows(COMMITTED) == generate(1000, 7)


def test_another_seed_gives_other_payments() -> None:
    assert generate(50, 7) == generate(50, 7)
    assert generate(50, 7) != generate(50, 8)


def test_the_command_writes_the_same_bytes_twice(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        assert main(["-n", "200", "--seed", "3", "-o", str(tmp_path / name)]) == 0

    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_rows_have_the_form_of_the_example() -> None:
    account = r"ACC_(SRC|DST|POOR|LARGE|MISSING)_\d{4}"
    for number, row in enumerate(generate(1000, 7), 1):
        assert row.payment_id == f"PAY-{number:06d}"
        assert re.fullmatch(account, row.source_account)
        assert re.fullmatch(account, row.destination_account)


def test_every_amount_has_the_decimals_of_its_currency() -> None:
    for row in generate(2000, 11):
        digits = exponent(row.currency)
        assert len(row.amount.partition(".")[2]) == digits
        assert parse_amount(row.amount, row.currency) > 0


def test_currencies_of_zero_two_and_three_decimals_occur() -> None:
    assert {exponent(row.currency) for row in generate(1000, 7)} == {0, 2, 3}


@pytest.mark.parametrize("seed", [1, 7, 99])
def test_the_share_of_each_failure_is_known(seed: int) -> None:
    outcomes = Counter(expected(row) for row in generate(1000, seed))

    assert outcomes == {
        SAME_ACCOUNT: 1000 * FAILING_SHARES["same"],
        ACCOUNT_NOT_FOUND: 1000 * FAILING_SHARES["missing"],
        INSUFFICIENT_FUNDS: 1000 * FAILING_SHARES["poor"],
        RISK_DECLINED: 1000 * FAILING_SHARES["large"],
        CAPTURED: 920,
    }


def test_without_failures_every_payment_is_to_be_captured() -> None:
    assert {expected(row) for row in generate(500, 7, failing=False)} == {CAPTURED}


def test_busy_and_quiet_accounts_take_part() -> None:
    payers = Counter(row.source_account for row in generate(1000, 7))
    busiest = payers.most_common(1)[0][1]

    assert busiest >= 20
    assert sum(count == 1 for count in payers.values()) >= 50


def test_payees_settle_by_the_last_digit_of_their_name() -> None:
    assert settlement_currency("ACC_DST_1228") == "GBP"
    assert settlement_currency("ACC_DST_1220") is None
    assert settlement_currency("ACC_SRC_5083") is None


def test_more_than_half_of_the_payments_are_exchanged() -> None:
    rows = [row for row in generate(1000, 7) if expected(row) == CAPTURED]
    exchanged = [
        row
        for row in rows
        if settlement_currency(row.destination_account) not in (None, row.currency)
    ]

    assert len(exchanged) > len(rows) / 2


def test_the_samples_quote_every_currency_that_occurs() -> None:
    samples = Path(__file__).parents[2] / "k8s" / "samples"
    texts = [path.read_text() for path in samples.glob("fx-*.yaml")]

    for currency in CURRENCIES:
        assert any(re.search(rf"\b{currency.code}\b", text) for text in texts), currency.code


@pytest.mark.parametrize("count", ["0", "-5", "1000001"])
def test_an_impossible_count_is_refused_in_a_sentence(
    count: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-n", count, "-o", str(tmp_path / "x.csv")]) == 2
    assert "from 1 to 1000000" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-n", "1", "-o", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
