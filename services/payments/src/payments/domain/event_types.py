"""What an event is called: derived from where the payment stood before it and after."""

from collections.abc import Mapping

from kurs.contracts.payments import EventType
from payments.domain.moves import Status

REFUND_TYPES = frozenset({EventType.REFUND_SUCCEEDED, EventType.REFUND_FAILED})

OUTSIDE = "OUTSIDE"
"""Where a deposit comes from."""
DEPOSITED = "DEPOSITED"
"""Where a deposit leads: it has no other status."""
DEPOSIT = "deposit"
"""The cause of an event that is no payment's."""

_REACHED: Mapping[str, EventType] = {
    Status.RECEIVED: EventType.REQUESTED,
    Status.CAPTURED: EventType.CAPTURED,
    Status.AUTHORIZED: EventType.AUTHORIZED,
    Status.REVIEW: EventType.IN_REVIEW,
    Status.FAILED: EventType.FAILED,
    Status.VOIDED: EventType.VOIDED,
    Status.EXPIRED: EventType.EXPIRED,
    Status.PARTIALLY_REFUNDED: EventType.REFUND_SUCCEEDED,
    Status.REFUNDED: EventType.REFUND_SUCCEEDED,
    DEPOSITED: EventType.DEPOSIT_SUCCEEDED,
}


def event_type(before: str | None, after: str, cause: str) -> str:
    """Return the type of an event; a status of a later release is named by its word.

    Of what leaves the status as it was only a failed refund is an event. A refund that succeeds
    may do so too: from partially refunded to partially refunded.
    """
    if before == after and cause == REFUSED:
        return EventType.REFUND_FAILED
    known = _REACHED.get(after)
    return f"payment.{after.lower()}" if known is None else known


REFUSED = "refused"
"""The cause of an operation that changed nothing."""
