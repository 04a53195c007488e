"""What is asked of the store's one writer, as values: claims, beginnings and outcomes."""

from dataclasses import dataclass

from payments.domain.operation import Answer, Operation, Waiting
from payments.domain.payment import Payment
from payments.domain.refunds import Rate, Refund


class VersionConflict(Exception):
    """Another process recorded an outcome first; what is stored holds."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Store a new payment with its operation, unless its key or id is known."""

    payment: Payment
    operation: Operation
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin `operation` on a stored payment; an amount of 0 means all that can be."""

    operation: Operation
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Finish:
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


@dataclass(frozen=True, slots=True)
class Wait:
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
