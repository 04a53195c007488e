"""The id of an event, and the operation that it tells of.

By its id one event is told from another that a restored database puts in its place.
"""

from hashlib import sha256

from payments.domain.identity import operation_id
from payments.domain.moves import Kind, Status

SAID_BY_CAUSE = frozenset({Kind.CAPTURE, Kind.VOID, Kind.APPROVE, Kind.REFUSE})
"""The kinds whose one operation of a payment is told by the cause of its event."""


def event_id(uid: str, sequence: int, to_status: str, cause: str, at: int) -> str:
    """Return the id of an event; all of it is what the events' own row says, and never changes."""
    told = "\x1f".join((uid, str(sequence), to_status, cause, str(at)))
    return f"evt_{sha256(told.encode()).hexdigest()[:32]}"


def told_operation(uid: str, from_status: str | None, cause: str) -> str | None:
    """Return the operation of an event where the rest of it tells, else None.

    Such an event is stored without it.
    """
    if from_status in (None, Status.RECEIVED):
        return operation_id(Kind.PAY, uid)
    return operation_id(cause, uid) if cause in SAID_BY_CAUSE else None
