"""What an answer of the ledger means for a payment: the outcome of the operation.

Whoever drives an operation again ends at the same outcome, because the ledger keeps the first
transfer under its id: what another one sent is adopted.
"""

from msgspec import Struct
from msgspec.structs import replace

from kurs.contracts.wallet import HOLD_GONE
from payments.domain.adoption import adopted, adopted_refund
from payments.domain.failure import Failure, FailureCode
from payments.domain.ledger import Cancelled, Made, Refused, Result, Stands, Unreadable
from payments.domain.moves import Kind, Status
from payments.domain.operation import Operation
from payments.domain.payment import Payment
from payments.domain.refunds import Refund


class Outcome(Struct, frozen=True):
    """The outcome of an operation: the payment as it now is, and why, as its event says it.

    `failure` is why the operation (not the payment) failed.
    """

    payment: Payment
    cause: str
    failure: Failure | None = None
    refund: Refund | None = None


def failed(payment: Payment, failure: Failure, at: int) -> Outcome:
    """Return the outcome of a payment that is refused; nothing has moved, or can."""
    return Outcome(payment.fail(failure, at=at), failure.known.value)


class Paid(Struct, frozen=True):
    """A payment that was to be `moved`."""

    payment: Payment
    moved: Payment

    def outcome(self, result: Result, at: int) -> Outcome:
        """Return what the ledger's answer means for it."""
        if isinstance(result, Made):
            return Outcome(self.moved, "paid")
        return _found(self.payment, result, at)


class Burnt(Struct, frozen=True):
    """A payment whose id was to be burnt, unless its money moved already."""

    payment: Payment
    failure: Failure

    def outcome(self, result: Result, at: int) -> Outcome:
        """Return what the ledger's answer means for it."""
        if isinstance(result, Made):
            return failed(self.payment, self.failure, at)
        return _found(self.payment, result, at)


class Captured(Struct, frozen=True):
    """A capture or an approval."""

    payment: Payment
    operation: Operation

    def outcome(self, result: Result, at: int) -> Outcome:
        """Return what the ledger's answer means for it; raises Unreadable."""
        payment, operation = self.payment, self.operation
        refused = _refused(result)
        if refused is None:
            return Outcome(
                payment.move(
                    Status.CAPTURED, at=at, captured_amount=operation.amount, hold_expires_at=None
                ),
                str(operation.kind),
            )
        if _is_gone(result):
            failure = Failure(FailureCode.HOLD_EXPIRED, "the hold has expired; nothing was taken")
            return Outcome(_expired(payment, at), "expired", failure)
        return Outcome(payment, "refused", refused)


class Released(Struct, frozen=True):
    """A void, a refusal after review, or an expiry."""

    payment: Payment
    operation: Operation

    def outcome(self, result: Result, at: int) -> Outcome:
        """Return what the ledger's answer means for it; raises Unreadable."""
        payment, kind = self.payment, self.operation.kind
        refused = _refused(result)
        # A hold that is gone was released by its expiry: the funds are free either way.
        if kind == Kind.EXPIRE or _is_gone(result):
            return Outcome(_expired(payment, at), "expired")
        if refused is not None:
            return Outcome(payment, "refused", refused)
        if kind == Kind.VOID:
            return Outcome(payment.move(Status.VOIDED, at=at, hold_expires_at=None), "void")
        failure = Failure(FailureCode.REVIEW_REFUSED, "refused after review")
        return Outcome(replace(payment, hold_expires_at=None).fail(failure, at=at), "refuse")


class Refunded(Struct, frozen=True):
    """A refund that was to be made as `refund`, unless an earlier drive of it made another."""

    payment: Payment
    operation: Operation
    refund: Refund

    def outcome(self, result: Result, at: int) -> Outcome:
        """Return what the ledger's answer means for it; raises Unreadable."""
        payment, amount, refund = self.payment, self.operation.amount, self.refund
        if isinstance(result, Cancelled | Refused):
            return Outcome(payment, "refused", result.failure)
        if isinstance(result, Stands):
            refund = adopted_refund(payment, amount, result.stored)
        total = payment.refunded_amount + amount
        whole = total == payment.captured_amount
        status = Status.REFUNDED if whole else Status.PARTIALLY_REFUNDED
        return Outcome(payment.move(status, at=at, refunded_amount=total), "refund", refund=refund)


class Unrefunded(Struct, frozen=True):
    """A refund whose id was to be burnt, unless its money moved already."""

    payment: Payment
    operation: Operation
    failure: Failure

    def outcome(self, result: Result, at: int) -> Outcome:
        """Return what the ledger's answer means for it; raises Unreadable."""
        payment, operation = self.payment, self.operation
        if isinstance(result, Stands) and not result.same:
            found = adopted_refund(payment, operation.amount, result.stored)
            return Refunded(payment, operation, found).outcome(Made(), at)
        if isinstance(result, Refused):
            return Outcome(payment, "refused", result.failure)
        return Outcome(payment, "refused", self.failure)


Meaning = Paid | Burnt | Captured | Released | Refunded | Unrefunded
"""What was to be done, which tells what an answer of the ledger means."""


def _found(payment: Payment, result: Stands | Cancelled | Refused, at: int) -> Outcome:
    """Take the outcome that the ledger holds under the payment's id."""
    if isinstance(result, Refused):
        return failed(payment, result.failure, at)
    after = adopted(payment, result.stored, at=at)
    return Outcome(after, "paid" if after.failure is None else after.failure.known.value)


def _refused(result: Result) -> Failure | None:
    """Return why an action's transfer was refused; None when it was made, now or before.

    Raises Unreadable when the ledger made another one under its id: neither is the truth then.
    """
    match result:
        case Stands(same=False):
            raise Unreadable("another transfer stands under the id")
        case Cancelled(failure=failure) | Refused(failure=failure):
            return failure
        case _:
            return None


def _is_gone(result: Result) -> bool:
    return isinstance(result, Refused) and result.code in HOLD_GONE


def _expired(payment: Payment, at: int) -> Payment:
    payment = replace(payment, hold_expires_at=None)
    if payment.status == Status.AUTHORIZED:
        return payment.move(Status.EXPIRED, at=at)
    return payment.fail(Failure(FailureCode.REVIEW_EXPIRED, "nobody decided in time"), at=at)
