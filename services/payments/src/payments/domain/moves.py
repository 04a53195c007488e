"""The table of legal moves: which operation may begin in which status, and where it can lead.

Everything else that is asked about kinds and statuses is derived from it. A kind or a status that
it does not name was stored by a later release: nothing may begin there, and nobody drives it here.
"""

from collections.abc import Mapping
from enum import StrEnum


class Kind(StrEnum):
    """What is asked of a payment."""

    PAY = "pay"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    APPROVE = "approve"
    REFUSE = "refuse"
    EXPIRE = "expire"


class Status(StrEnum):
    """Where a payment stands. RECEIVED is answered as PROCESSING when its outcome is not known."""

    RECEIVED = "RECEIVED"
    CAPTURED = "CAPTURED"
    AUTHORIZED = "AUTHORIZED"
    REVIEW = "REVIEW"
    FAILED = "FAILED"
    VOIDED = "VOIDED"
    EXPIRED = "EXPIRED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"


_REFUNDS = frozenset({Status.PARTIALLY_REFUNDED, Status.REFUNDED})

MOVES: Mapping[str, Mapping[str, frozenset[Status]]] = {
    Kind.PAY: {
        Status.RECEIVED: frozenset(
            {Status.CAPTURED, Status.AUTHORIZED, Status.REVIEW, Status.FAILED}
        ),
    },
    Kind.CAPTURE: {Status.AUTHORIZED: frozenset({Status.CAPTURED, Status.EXPIRED})},
    Kind.VOID: {Status.AUTHORIZED: frozenset({Status.VOIDED, Status.EXPIRED})},
    Kind.REFUND: {Status.CAPTURED: _REFUNDS, Status.PARTIALLY_REFUNDED: _REFUNDS},
    Kind.APPROVE: {Status.REVIEW: frozenset({Status.CAPTURED, Status.FAILED})},
    Kind.REFUSE: {Status.REVIEW: frozenset({Status.FAILED})},
    Kind.EXPIRE: {
        Status.AUTHORIZED: frozenset({Status.EXPIRED}),
        Status.REVIEW: frozenset({Status.FAILED}),
    },
}
"""By kind of operation and status of the payment: the statuses that it may have afterwards."""

HELD = frozenset(MOVES[Kind.EXPIRE])
"""The statuses in which the payer's money is held."""


def may_begin(kind: str, status: str) -> bool:
    """Tell whether an operation of this kind may begin, or go on, in this status."""
    return status in MOVES.get(kind, {})


def leads_to(status: str) -> frozenset[Status]:
    """Return every status that an operation can take a payment of this status to."""
    return _LEADS_TO.get(status, frozenset())


def taken_from(status: str) -> Kind:
    """Return the kind of operation that takes the money of a payment that was left in `status`."""
    return _TAKEN_FROM.get(status, Kind.PAY)


_LEADS_TO: Mapping[str, frozenset[Status]] = {
    status: frozenset().union(*(to.get(status, frozenset()) for to in MOVES.values()))
    for status in Status
}
_TAKEN_FROM: Mapping[str, Kind] = {
    status: Kind(kind)
    for kind, to in MOVES.items()
    for status, after in to.items()
    if Status.CAPTURED in after
}
