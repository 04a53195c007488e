"""What may begin on a payment, and what is left of it; what a repeated request gets.

Beginning
├── Started       the caller drives the operation
├── Replay        it is finished: the first answer again
└── Denied
    ├── InProgress     it, or another operation on the payment, is being worked on
    ├── KeyUsed        the key stands for other content
    ├── IdTaken        the payment's id stands for a request under another key
    ├── Missing        there is no such payment
    ├── NotAllowed     not in this status
    ├── MoreThanLeft   less is left than was asked for
    └── TooLittle      what was asked for converts to nothing
"""

from msgspec import Struct
from msgspec.structs import replace

from kurs.kernel.money import Money
from payments.domain.failure import Failure, Refusal
from payments.domain.moves import Kind, may_begin
from payments.domain.operation import Answer, Operation
from payments.domain.payment import Payment
from payments.domain.postings import capture_postings


class Started(Struct, frozen=True):
    """The caller holds the lease and drives the operation; `fresh` if nobody did before."""

    payment: Payment
    operation: Operation
    fresh: bool = True


class Replay(Struct, frozen=True):
    """The operation is finished: this was its answer."""

    answer: Answer


class InProgress(Struct, frozen=True):
    """The same request, or another operation on the payment, is being worked on."""


class KeyUsed(Struct, frozen=True):
    """The idempotency key was used with other content."""


class IdTaken(Struct, frozen=True):
    """The payment_id was used under another idempotency key."""

    payment_id: str


class Missing(Struct, frozen=True):
    """There is no such payment of this merchant."""


class NotAllowed(Struct, frozen=True):
    """The payment's status does not allow the operation."""

    kind: str
    status: str


class MoreThanLeft(Struct, frozen=True):
    """More was asked for than is left of the payment."""

    kind: str
    left: Money


class TooLittle(Struct, frozen=True):
    """The part of the payment converts to nothing."""

    failure: Failure


Denied = InProgress | KeyUsed | IdTaken | Missing | NotAllowed | MoreThanLeft | TooLittle
Beginning = Started | Replay | Denied


def left_of(payment: Payment, kind: str) -> int:
    """Return how much of a payment such an operation may still be for, in minor units."""
    if kind == Kind.REFUND:
        return payment.captured_amount - payment.refunded_amount
    return payment.amount


def begin(payment: Payment, operation: Operation) -> Started | Denied:
    """Begin an operation on a stored payment; an amount of 0 means all that is left."""
    kind, left = operation.kind, left_of(payment, operation.kind)
    amount = operation.amount or left
    if payment.active_operation is not None:
        return InProgress()
    if not may_begin(kind, payment.status):
        return NotAllowed(kind, payment.status)
    if amount > left:
        return MoreThanLeft(kind, Money(left, payment.currency))
    if kind == Kind.CAPTURE:
        try:
            capture_postings(payment, amount)
        except Refusal as refusal:
            return TooLittle(refusal.failure)
    begun = replace(payment, active_operation=operation.operation_id, version=payment.version + 1)
    return Started(begun, replace(operation, amount=amount))


def is_repeated(earlier: Operation, operation: Operation) -> bool:
    """Tell whether an operation is `earlier`, which has its key, once more.

    Without a key of its own, another capture is no reused key: the payment's status answers it.
    """
    has_key = operation.idempotency != operation.operation_id
    return has_key or earlier.fingerprint == operation.fingerprint


def repeat(
    earlier: Operation, repeated: Operation, *, may_be_own: bool = False
) -> Replay | KeyUsed | InProgress | None:
    """Return what a repeated request gets; None when nobody works on it: it may take over.

    With `may_be_own`, `earlier` may be what this very attempt stored when its answer was lost.
    """
    if earlier.fingerprint != repeated.fingerprint:
        return KeyUsed()
    if earlier.answer is not None:
        return Replay(earlier.answer)
    own = may_be_own and _times(earlier) == _times(repeated)
    if earlier.lease_until > repeated.created_at and not own:
        return InProgress()
    return None


def _times(operation: Operation) -> tuple[int, int, str, int]:
    return operation.created_at, operation.lease_until, operation.actor, operation.attempts
