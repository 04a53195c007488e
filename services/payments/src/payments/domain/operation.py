"""An operation: one thing that a caller asked of a payment, finished exactly once.

The row of an operation is both its idempotency record (key, fingerprint, first answer) and its
durable intent: what is pending after its lease ran out is finished by whoever sees it.
"""

from typing import NamedTuple

from msgspec import Struct


class Answer(Struct, frozen=True):
    """What the first caller was told, kept byte for byte."""

    status: int
    body: bytes


class Waiting(NamedTuple):
    """What an operation without an outcome waits for, and why, in words for operators.

    `set_aside_at` is since when it is tried but seldom, in microseconds; None while it is not.
    """

    service: str
    reason: str
    set_aside_at: int | None = None

    def is_known(self, before: "Waiting | None") -> bool:
        """Tell whether it waits for what it was found to wait for before."""
        return before is not None and self[:2] == before[:2]


WORKED_ON = Waiting("payments", "it is being worked on")
"""What an operation waits for of which nobody has found anything missing."""


class Operation(Struct, frozen=True):
    """One operation on the payment `uid`.

    `operation_id` is also the id of its transfer in the ledger, so that repeating it can never
    move money twice. `kind` is a `Kind`, or the word of a later release. `amount` is in minor units
    of the payment's currency. `idempotency` is unique; for an operation without a key of its own it
    is the operation's id. `traceparent` is the span of whoever asked (W3C Trace Context), None when
    its trace is not sampled. `waiting` is the last that whoever drove it found. Times are
    microseconds since the epoch.
    """

    operation_id: str
    uid: str
    kind: str
    idempotency: str
    fingerprint: str
    amount: int
    actor: str
    created_at: int
    lease_until: int
    attempts: int = 1
    answer: Answer | None = None
    traceparent: str | None = None
    waiting: Waiting | None = None
