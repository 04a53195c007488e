"""What an event is called, by hand: every status, a refund that changes none, a later release's."""

import pytest

from payments.domain.event_types import event_type
from payments.domain.moves import Status

NAMED = {
    "RECEIVED": "payment.requested",
    "CAPTURED": "payment.captured",
    "AUTHORIZED": "payment.authorized",
    "REVIEW": "payment.in_review",
    "FAILED": "payment.failed",
    "VOIDED": "payment.voided",
    "EXPIRED": "payment.expired",
    "PARTIALLY_REFUNDED": "refund.succeeded",
    "REFUNDED": "refund.succeeded",
    "TELEPORTED": "payment.teleported",
}


@pytest.mark.parametrize("after", [*Status, "TELEPORTED"])
def test_an_event_is_called_by_what_was_reached(after: str) -> None:
    assert event_type("RECEIVED", after, "pay") == NAMED[after]


def test_a_refund_that_changes_no_status_is_told_by_its_cause() -> None:
    partly = "PARTIALLY_REFUNDED"
    assert event_type(partly, partly, "refund") == "refund.succeeded"
    assert event_type(partly, partly, "refused") == "refund.failed"
