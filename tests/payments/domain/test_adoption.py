"""What one process writes into the ledger, another one reads as the same outcome, or not at all."""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.payments.domain.cases import BACK, CROSS, PLAIN, captured, held

from payments.domain.adoption import (
    adopted,
    adopted_refund,
    failure_context,
    outcome_context,
    refund_context,
)
from payments.domain.failure import Failure, FailureCode
from payments.domain.ledger import Unreadable
from payments.domain.moves import Status
from payments.domain.payment import Payment
from payments.domain.refunds import Rate, Refund, at_payments_rate, at_present_rate


def asked_again(moved: Payment) -> Payment:
    """Return the payment as a process has it that knows nothing of its outcome."""
    return Payment(
        moved.merchant, moved.payment_id, moved.amount, moved.currency, moved.source_account,
        moved.destination_account, created_at=1, updated_at=1,
    )  # fmt: skip


@pytest.mark.parametrize("payment", [PLAIN, CROSS], ids=["one currency", "two"])
@pytest.mark.parametrize("status", [Status.CAPTURED, Status.AUTHORIZED, Status.REVIEW])
def test_an_outcome_is_adopted_whole(payment: Payment, status: Status) -> None:
    moved = captured(payment) if status is Status.CAPTURED else held(payment, status)
    kind = "post" if status is Status.CAPTURED else "hold"
    if status is Status.CAPTURED:
        moved = replace(moved, quote=None)

    stored = {"kind": kind, "context": outcome_context(moved)}
    assert adopted(asked_again(moved), stored, at=2) == moved


def test_the_parties_are_those_of_the_ledger() -> None:
    """Whoever asks again may have found another account under a name that is known by now."""
    moved = replace(held(CROSS), payer="shop/alice", payee="bob")
    again = replace(asked_again(moved), payer="shop/alice", payee="shop/bob")
    context = outcome_context(moved)

    assert adopted(again, {"kind": "hold", "context": context}, at=2).parties == moved.parties
    # A release before said nothing of them.
    del context["payer"], context["payee"]
    assert adopted(again, {"kind": "hold", "context": context}, at=2).parties == again.parties


def test_a_burnt_payment_failed_for_the_reason_that_stands_there() -> None:
    failure = Failure(FailureCode.RISK_DECLINED, "declined")
    stored = {"kind": "cancel", "context": failure_context(PLAIN, failure)}

    after = adopted(asked_again(PLAIN), stored, at=2)

    assert (after.status, after.failure, after.risk) == (Status.FAILED, failure, PLAIN.risk)


@pytest.mark.parametrize(
    "context", [None, {}, {"failure": {"code": 5, "message": "m"}, "risk": None}]
)
def test_a_cancellation_that_says_no_reason_is_one_all_the_same(context: Any) -> None:
    after = adopted(PLAIN, {"kind": "cancel", "context": context}, at=2)

    assert after.failure is not None
    assert (after.status, after.failure.code) == (Status.FAILED, FailureCode.REFUSED)


GOOD = outcome_context(captured(CROSS))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("hold", {}),
        ("post", {"status": "AUTHORIZED"}),
        ("post", {"status": "TELEPORTED"}),
        ("post", {"captured_amount": "100"}),
        ("post", {"destination_currency": None}),
        ("post", {"destination_amount": None}),
        ("post", {"hold_expires_at": "soon"}),
        ("post", {"payee": 5}),
        ("post", {"exchange": {}}),
        ("post", {"exchange": {**GOOD["exchange"], "mid": "?"}}),
        ("reversal", {}),
    ],
)
def test_what_does_not_say_the_outcome_is_not_guessed(kind: str, changes: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        adopted(asked_again(CROSS), {"kind": kind, "context": {**GOOD, **changes}}, at=2)


REFUNDS = [
    at_payments_rate(captured(PLAIN), 30_00, returns_spread=True),
    at_payments_rate(captured(CROSS), 30_00, returns_spread=False),
    at_present_rate(captured(CROSS), BACK, "token"),
]


@pytest.mark.parametrize("refund", REFUNDS, ids=["one currency", "its rate", "the present rate"])
def test_a_refund_is_adopted_as_it_was_made(refund: Refund) -> None:
    stored = {"kind": "post", "context": refund_context(refund)}

    found = adopted_refund(captured(CROSS), 30_00, stored)

    assert found == replace(refund, postings=(), quote=None)


def test_a_refund_of_a_release_without_contexts_was_at_the_payments_rate() -> None:
    found = adopted_refund(captured(CROSS), 30_00, {"kind": "post"})

    assert found == at_payments_rate(captured(CROSS), 30_00, returns_spread=True)
    assert found.rate is Rate.PAYMENT


@pytest.mark.parametrize(
    "stored",
    [
        {"kind": "hold"},
        {"kind": "post", "context": {}},
        {"kind": "post", "context": {"given": "1", "rate": None, "exchange": None}},
        {"kind": "post", "context": {"given": 1, "rate": "other", "exchange": None}},
    ],
)
def test_what_does_not_say_the_refund_is_not_guessed(stored: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        adopted_refund(captured(CROSS), 30_00, stored)
