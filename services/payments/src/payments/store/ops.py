"""What is asked of the store's one writer, as values: claims, beginnings and outcomes."""

from msgspec import Struct

from payments.domain.operation import Answer, Operation, Waiting
from payments.domain.payment import Payment
from payments.domain.refunds import Rate, Refund


class VersionConflict(Exception):
    """Another process recorded an outcome first; what is stored holds."""


class Claim(Struct, frozen=True):
    """Store a new payment with its operation, unless its key or id is known."""

    payment: Payment
    operation: Operation
    traceparent: str | None = None


class Begin(Struct, frozen=True):
    """Begin `operation` on a stored payment; an amount of 0 means all that can be."""

    operation: Operation
    traceparent: str | None = None


class Finish(Struct, frozen=True):
    """Record the outcome of an operation: the payment as it now is, and the first answer.

    `refund` is what was given back, if so.
    """

    before: Payment
    after: Payment
    operation: Operation
    answer: Answer
    cause: str
    refund: Refund | None = None
    traceparent: str | None = None

    @property
    def old_rate(self) -> bool:
        """Whether it gave money back across currencies at the payment's rate."""
        return self.refund is not None and self.refund.rate is Rate.PAYMENT


class Wait(Struct, frozen=True):
    """Keep what an operation waits for."""

    operation: Operation
    waiting: Waiting
    traceparent: str | None = None


Op = Claim | Begin | Finish | Wait


def keys_of(op: Op) -> tuple[str, ...]:
    """Return what an operation locks: itself, and its payment."""
    match op:
        case Claim(payment=payment, operation=operation):
            return operation.idempotency, payment.uid
        case Begin(operation=operation) | Finish(operation=operation) | Wait(operation=operation):
            return operation.idempotency, operation.uid
