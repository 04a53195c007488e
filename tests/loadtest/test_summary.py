"""Percentiles, the ledger's verdict and the sentence at the end of a run."""

import pytest

from loadtest.client import UNRESOLVED, Result
from loadtest.expectations import CAPTURED, INSUFFICIENT_FUNDS, Outcome
from loadtest.measures import Latency, latency
from loadtest.report import grouped, verdict
from loadtest.rows import Row
from loadtest.summary import Summary, summarise, unbalanced


def summary(*outcomes: Outcome) -> Summary:
    row = Row("P-1", "IDR", "1.00", "ACC_SRC_1", "ACC_DST_1")
    return summarise([Result(row, outcome, 0.01, 1) for outcome in outcomes], 2.0)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], Latency(0, 0, 0)),
        ([0.005], Latency(5, 5, 5)),
        ([n / 1000 for n in range(1, 101)], Latency(50, 95, 99)),
        ([n / 1000 for n in range(200, 0, -1)], Latency(100, 190, 198)),
    ],
    ids=["none", "one", "a hundred", "unordered"],
)
def test_percentiles_are_nearest_rank_in_milliseconds(
    times: list[float], expected: Latency
) -> None:
    assert latency(times) == expected


def test_payments_per_second_count_only_final_answers() -> None:
    assert summary(CAPTURED, CAPTURED, Outcome(UNRESOLVED, "202")).per_second == 1.0


def test_a_run_as_demanded_has_no_complaint() -> None:
    assert verdict(summary(CAPTURED), []) == ""


def test_the_verdict_names_everything_that_is_wrong() -> None:
    wrong = summary(CAPTURED, INSUFFICIENT_FUNDS, Outcome(UNRESOLVED, "202"))

    assert verdict(wrong, ["IDR -0.01"]) == (
        "1 payments got no final status; 1 payments ended otherwise than their rows demand; "
        "the ledger does not sum to zero in IDR -0.01"
    )


def test_a_currency_that_does_not_sum_to_zero_is_named_with_its_sum() -> None:
    document = {
        "currencies": [
            {"currency": "BHD", "sum": "0.000", "accounts": 2, "postings": 4},
            {"currency": "IDR", "sum": "-0.01", "accounts": 2, "postings": 4},
            {"currency": "JPY", "sum": "0", "accounts": 2, "postings": 4},
        ]
    }

    assert unbalanced(document) == ["IDR -0.01"]


def test_thousands_are_set_apart() -> None:
    assert grouped("1234567.89") == "1,234,567.89"
    assert grouped("500") == "500"
