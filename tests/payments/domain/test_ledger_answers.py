"""What an answer of the ledger means: for the transfer, and for the operation that asked for it."""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.payments.domain.cases import CROSS, PLAIN, captured, held, operation

from payments.domain.adoption import failure_context, outcome_context, refund_context
from payments.domain.failure import Failure, FailureCode
from payments.domain.ledger import (
    Cancelled,
    Made,
    Refused,
    Result,
    Stands,
    Unreadable,
    read_result,
)
from payments.domain.moves import Kind, Status
from payments.domain.outcomes import Burnt, Captured, Paid, Refunded, Released, Unrefunded
from payments.domain.refunds import at_payments_rate

APPLIED = {"status": "applied", "kind": "post"}
POOR = Failure(FailureCode.INSUFFICIENT_FUNDS, "poor")
READ: list[tuple[dict[str, Any], Result]] = [
    ({"status": "applied", "replayed": False}, Made()),
    ({"status": "applied", "replayed": True, "stored": APPLIED}, Stands(APPLIED, same=True)),
    ({"status": "conflict", "stored": APPLIED}, Stands(APPLIED, same=False)),
    (
        {"status": "refused", "code": "insufficient_funds", "message": "poor"},
        Refused("insufficient_funds", POOR),
    ),
    (
        {"status": "refused", "code": "insufficient_funds", "message": None},
        Refused("insufficient_funds", replace(POOR, message="insufficient_funds")),
    ),
    (
        {"status": "refused", "code": "cancelled", "message": "burnt", "stored": APPLIED},
        Cancelled(APPLIED, Failure(FailureCode.REFUSED, "cancelled: burnt")),
    ),
    (
        {
            "status": "conflict",
            "stored": {"status": "refused", "code": "insufficient_funds", "message": "poor"},
        },
        Refused("insufficient_funds", POOR),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "result"), READ)
def test_an_answer_is_read(answer: dict[str, Any], result: Result) -> None:
    assert read_result(answer) == result


@pytest.mark.parametrize(
    "answer",
    [
        {"status": "applied", "replayed": True},
        {"status": "conflict"},
        {"status": "conflict", "stored": {"status": "skipped"}},
        {"status": "skipped"},
        {"status": "teleported", "stored": APPLIED},
    ],
)
def test_an_answer_that_says_nothing_of_the_id_is_no_outcome(answer: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_result(answer)


def stands(moved: Any, kind: str = "post", *, same: bool = False) -> Stands:
    return Stands({"kind": kind, "context": outcome_context(moved)}, same)


def burnt() -> Cancelled:
    failure = Failure(FailureCode.RISK_DECLINED, "declined")
    return Cancelled({"kind": "cancel", "context": failure_context(PLAIN, failure)}, failure)


def test_a_payment_takes_the_outcome_that_stands_under_its_id() -> None:
    paid = Paid(PLAIN, captured(PLAIN))
    earlier = paid.outcome(stands(held(PLAIN), "hold"), 2)
    failed = paid.outcome(burnt(), 2)
    poor = paid.outcome(Refused("insufficient_funds", POOR), 2)

    assert (earlier.payment.status, earlier.cause) == (Status.AUTHORIZED, "paid")
    assert (failed.payment.status, failed.cause) == (Status.FAILED, "risk_declined")
    assert (poor.payment.status, poor.cause) == (Status.FAILED, "insufficient_funds")


def test_a_payment_whose_id_was_to_be_burnt_fails_unless_it_had_moved() -> None:
    wanted = Failure(FailureCode.TIMED_OUT, "late")

    burnt_now = Burnt(PLAIN, wanted).outcome(Made(), 2)
    moved_before = Burnt(PLAIN, wanted).outcome(stands(captured(PLAIN)), 2)

    assert (burnt_now.payment.status, burnt_now.payment.failure) == (Status.FAILED, wanted)
    assert moved_before.payment.status is Status.CAPTURED


@pytest.mark.parametrize("kind", [Kind.CAPTURE, Kind.VOID])
def test_another_transfer_under_an_actions_id_is_neither_truth(kind: Kind) -> None:
    action = Captured if kind is Kind.CAPTURE else Released

    with pytest.raises(Unreadable):
        action(held(PLAIN), operation(kind, 100_00)).outcome(stands(captured(PLAIN)), 2)


def test_an_action_that_stands_already_is_done() -> None:
    capture = Captured(held(PLAIN), operation(Kind.CAPTURE, 60_00))
    after = capture.outcome(Stands(APPLIED, same=True), 2)

    assert (after.payment.status, after.payment.captured_amount) == (Status.CAPTURED, 60_00)


def test_a_refund_takes_what_an_earlier_drive_of_it_made() -> None:
    paid, asked = captured(CROSS), operation(Kind.REFUND, 30_00)
    kept = at_payments_rate(paid, 30_00, returns_spread=False)
    given = at_payments_rate(paid, 30_00, returns_spread=True)
    stored = Stands({"kind": "post", "context": refund_context(kept)}, same=False)

    driven = Refunded(paid, asked, given).outcome(stored, 2)
    late = Unrefunded(paid, asked, POOR).outcome(stored, 2)

    for outcome in (driven, late):
        assert outcome.refund is not None
        assert outcome.refund.given == kept.given != given.given
        assert outcome.payment.status is Status.PARTIALLY_REFUNDED


def test_a_refund_whose_id_was_burnt_or_refused_gave_nothing() -> None:
    paid, asked = captured(PLAIN), operation(Kind.REFUND, 30_00)
    wanted = Failure(FailureCode.TIMED_OUT, "late")

    for result, failure in [
        (Refused("insufficient_funds", POOR), POOR),
        (burnt(), wanted),
        (Made(), wanted),
        (Stands(APPLIED, same=True), wanted),
    ]:
        outcome = Unrefunded(paid, asked, wanted).outcome(result, 2)
        assert (outcome.payment, outcome.failure) == (paid, failure)


def test_a_failure_of_a_later_release_is_told_as_one_of_this_one() -> None:
    later = Failure("moon_closed", "the moon is closed")

    assert (later.is_known, POOR.is_known) == (False, True)
    assert (later.known, later.public_message) == (
        FailureCode.REFUSED, "refused for a reason that has no code here",
    )  # fmt: skip
    assert POOR.public_message == "poor"
