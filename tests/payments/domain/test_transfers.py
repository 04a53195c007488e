"""What is asked of the ledger for each operation: which transfer, on what, and by which quote."""

from decimal import Decimal
from typing import Any

import pytest
from tests.payments.domain.cases import BACK, CROSS, PLAIN, captured, held, operation

from payments.domain import transfers
from payments.domain.failure import Failure, FailureCode, Refusal
from payments.domain.moves import Kind
from payments.domain.payment import Payment
from payments.domain.postings import arriving_amount, capture_postings
from payments.domain.refunds import Rate, at_payments_rate, at_present_rate, is_late


def amounts(item: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(p["account_id"], p["currency"], p["amount_minor"]) for p in item["postings"]]


def sums(item: dict[str, Any]) -> set[int]:
    """Return the sum of the postings of each currency."""
    by_currency: dict[str, int] = {}
    for _, currency, amount in amounts(item):
        by_currency[currency] = by_currency.get(currency, 0) + amount
    return set(by_currency.values())


def test_a_payment_within_a_currency_moves_it_at_once() -> None:
    item = transfers.pay(captured(PLAIN), operation(Kind.PAY))

    assert (item["transfer_id"], item["kind"], item["actor"]) == ("pay:shop:p1", "post", "shop/k")
    assert amounts(item) == [("alice", "USD", -100_00), ("bob", "USD", 100_00)]
    assert "quote_id" not in item


def test_a_payment_across_currencies_has_five_postings_and_its_quote() -> None:
    item = transfers.pay(captured(CROSS), operation(Kind.PAY))

    assert len(item["postings"]) == 5
    assert sums(item) == {0}
    assert (item["quote_id"], item["quote"], item["config_revision"]) == ("fxq_1", "token", "r1")


def test_an_authorized_payment_holds_and_shows_no_quote_yet() -> None:
    item = transfers.pay(held(CROSS), operation(Kind.PAY))

    assert (item["kind"], item["account_id"], item["amount_minor"]) == ("hold", "alice", 100_00)
    assert item["expires_at"] == 9
    assert (item["quote_id"], item.get("quote")) == ("fxq_1", None)


@pytest.mark.parametrize("payment", [PLAIN, CROSS], ids=["one currency", "two"])
def test_a_capture_takes_a_part_of_the_hold_by_its_quote(payment: Payment) -> None:
    item = transfers.capture(held(payment), operation(Kind.CAPTURE, 30_00))

    assert (item["kind"], item["hold_id"]) == ("capture", "pay:shop:p1")
    assert amounts(item)[0] == ("alice", "USD", -30_00)
    assert sums(item) == {0}
    assert item.get("quote") == payment.quote


def test_a_part_that_converts_to_nothing_is_refused() -> None:
    tiny = Payment(
        "shop", "p1", 100_00, "IDR", "a", "b", created_at=1, updated_at=1, exchange=CROSS.exchange,
        destination_currency="USD", destination_amount=1,
    )  # fmt: skip

    with pytest.raises(Refusal) as caught:
        capture_postings(tiny, 1)
    assert caught.value.failure.code is FailureCode.AMOUNT_TOO_SMALL


def test_ids_are_burnt_with_their_reason_or_without_one() -> None:
    plain = transfers.cancel(PLAIN, operation(Kind.REFUND))
    failed = transfers.cancel(PLAIN, operation(Kind.PAY), Failure(FailureCode.TIMED_OUT, "late"))

    assert (plain["kind"], "context" in plain) == ("cancel", False)
    assert failed["context"]["failure"] == {"code": "timed_out", "message": "late"}


def test_a_release_names_the_hold() -> None:
    item = transfers.release(held(PLAIN), operation(Kind.VOID))

    assert (item["kind"], item["hold_id"], item["transfer_id"]) == (
        "void", "pay:shop:p1", "void:shop:p1",
    )  # fmt: skip


def test_a_refund_reverses_what_took_the_money() -> None:
    paid = captured(PLAIN)
    item = transfers.refund(
        paid, operation(Kind.REFUND, 30_00), at_payments_rate(paid, 30_00, returns_spread=True)
    )

    assert (item["kind"], item["reverses"]) == ("post", "pay:shop:p1")
    assert amounts(item) == [("alice", "USD", 30_00), ("bob", "USD", -30_00)]


def test_a_refund_at_the_present_rate_has_a_quote_of_its_own() -> None:
    paid = captured(CROSS)
    refund = at_present_rate(paid, BACK, "present")
    item = transfers.refund(paid, operation(Kind.REFUND, 100_00), refund)

    assert (refund.rate, refund.given) == (Rate.PRESENT, 1_600_000_00)
    assert (item["quote"], item["quote_id"]) == ("present", "fxq_2")
    assert ("alice", "USD", 100_00) in amounts(item)
    assert sums(item) == {0}


def test_the_spread_goes_back_or_stays() -> None:
    paid = captured(CROSS)

    whole = at_payments_rate(paid, 100_00, returns_spread=True)
    kept = at_payments_rate(paid, 100_00, returns_spread=False)

    assert (whole.given, kept.given) == (1_592_000_00, 1_600_000_00)


def test_a_refund_is_late_for_the_payments_rate_after_the_window() -> None:
    assert not is_late(CROSS, asked_at=31, window=30)
    assert is_late(CROSS, asked_at=32, window=30)
    assert not is_late(PLAIN, asked_at=10**9, window=30)


def test_a_present_rate_beyond_64_bits_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        at_present_rate(captured(CROSS), BACK._replace(mid=Decimal("1e15")), "t")
    assert caught.value.failure.code is FailureCode.AMOUNT_TOO_LARGE


def test_what_arrives_is_known_once_a_rate_is() -> None:
    unpriced = Payment("shop", "p", 5, "USD", "a", "b", created_at=1, updated_at=1)

    assert arriving_amount(unpriced) is None
    assert arriving_amount(captured(CROSS)) == 1_592_000_00
    assert arriving_amount(captured(CROSS, captured_amount=30_00)) == 477_600_00
