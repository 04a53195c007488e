"""An operation: one thing that a caller asked of a payment, finished exactly once.

The row of an operation is both its idempotency record (key, fingerprint, first answer) and its
durable intent: what is pending after its lease ran out is finished by whoever sees it.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from payments.domain.payment import Payment, Status


class Kind(StrEnum):
    """What is asked for."""

    PAY = "pay"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    APPROVE = "approve"
    REFUSE = "refuse"
    EXPIRE = "expire"


BEGINS_IN: dict[Kind, frozenset[Status]] = {
    Kind.PAY: frozenset({Status.RECEIVED}),
    Kind.CAPTURE: frozenset({Status.AUTHORIZED}),
    Kind.VOID: frozenset({Status.AUTHORIZED}),
    Kind.REFUND: frozenset({Status.CAPTURED, Status.PARTIALLY_REFUNDED}),
    Kind.APPROVE: frozenset({Status.REVIEW}),
    Kind.REFUSE: frozenset({Status.REVIEW}),
    Kind.EXPIRE: frozenset({Status.AUTHORIZED, Status.REVIEW}),
}
"""In which states an operation may begin."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first caller was told, kept byte for byte."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation on the payment `uid`.

    `operation_id` is also the id of its transfer in the ledger, so that repeating it can never
    move money twice. `amount` is in minor units of the payment's currency. `idempotency` is
    unique; for an operation without a key of its own it is the operation's id. `traceparent` is
    the span of whoever asked (W3C Trace Context), None when its trace is not sampled.
    """

    operation_id: str
    uid: str
    kind: Kind
    idempotency: str
    fingerprint: str
    amount: int
    actor: str
    created_at: int
    lease_until: int
    attempts: int = 1
    answer: Answer | None = None
    traceparent: str | None = None


def operation_id(kind: Kind, payment: Payment | str, key: str = "") -> str:
    """Return the id of an operation: one per kind and payment, one per key for refunds."""
    uid = payment if isinstance(payment, str) else payment.uid
    return f"{kind}:{uid}:{digest(key)[:32]}" if kind is Kind.REFUND else f"{kind}:{uid}"


def digest(*parts: str) -> str:
    """Return the SHA-256 of the parts, in hexadecimal; no two lists of parts collide."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
