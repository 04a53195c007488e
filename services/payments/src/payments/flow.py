"""The payment flow: takes an operation from its intent to its outcome, any number of times.

Whoever drives an operation again (a retry, the sweeper, another replica) ends at the same
outcome, because the ledger keeps the first transfer under an operation's id: what another one
sent is adopted, and before a taken-over payment fails, its id is burnt in the ledger.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kurs.calls import Deadline
from kurs.kernel.clock import MICROS, Clock
from payments.adoption import (
    Unreadable,
    adopted,
    adopted_refund,
    failure_context,
    outcome_context,
    refund_context,
)
from payments.assessment import Assessor, Dependencies
from payments.clients import Unanswered, Unusable
from payments.domain.failure import Failure, FailureCode, Refusal, refusal_of
from payments.domain.operation import Kind, Operation, operation_id
from payments.domain.payment import Payment, Status
from payments.domain.postings import Posting, capture_postings
from payments.domain.refunds import Refund, at_payments_rate, at_present_rate, is_late
from payments.settings import PaymentsSettings
from payments.store.leases import Started
from payments.waves import together

_GONE = frozenset({"hold_expired", "hold_closed"})


@dataclass(frozen=True, slots=True)
class Settled:
    """The outcome of an operation. `failure` is why the operation (not the payment) failed."""

    payment: Payment
    cause: str
    failure: Failure | None = None
    refund: Refund | None = None


class PaymentFlow:
    """Drives operations to their outcome."""

    def __init__(
        self,
        dependencies: Dependencies,
        settings: PaymentsSettings,
        clock: Clock,
        assessor: Assessor,
    ) -> None:
        self._assessor = assessor
        self._wallet = dependencies.wallet
        self._settings = settings
        self._clock = clock

    async def drive(self, started: Started, deadline: Deadline) -> Settled:
        """Return the outcome; raises Unanswered when it cannot be known yet."""
        payment, operation = started.payment, started.operation
        match operation.kind:
            case Kind.PAY:
                return await self._pay(payment, operation, deadline, fresh=started.fresh)
            case Kind.CAPTURE | Kind.APPROVE:
                return await self._capture(payment, operation, deadline)
            case Kind.VOID | Kind.REFUSE | Kind.EXPIRE:
                return await self._release(payment, operation, deadline)
            case Kind.REFUND:
                return await self._refund(started, deadline)

    async def _pay(
        self, payment: Payment, operation: Operation, deadline: Deadline, *, fresh: bool
    ) -> Settled:
        try:
            payment, refusal = await self._assessor.assess(payment, deadline)
        except Unanswered as error:
            if fresh or not self._gave_up(payment):
                raise
            refusal = Refusal(FailureCode.TIMED_OUT, f"no outcome in time: {error}")
        await together()
        if refusal is None:
            return await self._move(payment, operation, deadline)
        if fresh:
            return self._failed(payment, refusal.failure)
        return await self._burn(payment, operation, refusal.failure, deadline)

    async def _move(self, payment: Payment, operation: Operation, deadline: Deadline) -> Settled:
        """Move the money, or hold it where a person or a later capture decides."""
        assert payment.risk is not None
        if payment.risk["decision"] == "review":
            moved = self._held(payment, Status.REVIEW)
        elif payment.capture == "manual":
            moved = self._held(payment, Status.AUTHORIZED)
        else:
            at = self._clock.now()
            moved = payment.move(Status.CAPTURED, at=at, captured_amount=payment.amount)
        item = self._item(payment, operation, **_transfer(moved), context=outcome_context(moved))
        if payment.exchange is not None:
            item["quote_id"] = payment.exchange.quote_id
            item["config_revision"] = payment.exchange.config_revision
            if moved.status is Status.CAPTURED:
                item["quote"] = payment.quote
        result = await self._wallet.call(item, deadline)
        if result["status"] == "applied" and not result["replayed"]:
            return Settled(moved, "paid")
        return self._adopt(payment, result)

    def _held(self, payment: Payment, status: Status) -> Payment:
        settings = self._settings
        crosses = payment.exchange is not None
        seconds = settings.exchange_hold_seconds if crosses else settings.hold_seconds
        expires_at = payment.created_at + round(seconds * MICROS)
        return payment.move(status, at=self._clock.now(), hold_expires_at=expires_at)

    async def _burn(
        self, payment: Payment, operation: Operation, failure: Failure, deadline: Deadline
    ) -> Settled:
        """Fail a payment that was taken over, unless its money moved already."""
        context = failure_context(payment, failure)
        item = self._item(payment, operation, kind="cancel", context=context)
        result = await self._wallet.call(item, deadline)
        if result["status"] == "applied" and not result["replayed"]:
            return self._failed(payment, failure)
        return self._adopt(payment, result)

    def _adopt(self, payment: Payment, result: Mapping[str, Any]) -> Settled:
        """Take the outcome that the ledger holds under the operation's id."""
        if not _stands(result):
            return self._failed(payment, _refusal(result).failure)
        stored = result.get("stored")
        if stored is None:
            raise Unusable("wallet", "an earlier outcome without what is stored")
        try:
            after = adopted(payment, stored, at=self._clock.now())
        except Unreadable as error:
            raise Unusable("wallet", str(error)) from error
        failure = after.failure
        return Settled(after, "paid" if failure is None else failure.code.value)

    async def _capture(self, payment: Payment, operation: Operation, deadline: Deadline) -> Settled:
        item = self._item(
            payment,
            operation,
            kind="capture",
            hold_id=operation_id(Kind.PAY, payment),
            postings=_wire(capture_postings(payment, operation.amount)),
        )
        if payment.exchange is not None:
            item["quote"] = payment.quote
        result = await self._wallet.call(item, deadline)
        at = self._clock.now()
        if _applied(result):
            moved = payment.move(
                Status.CAPTURED, at=at, captured_amount=operation.amount, hold_expires_at=None
            )
            return Settled(moved, operation.kind.value)
        if result.get("code") in _GONE:
            failure = Failure(FailureCode.HOLD_EXPIRED, "the hold has expired; nothing was taken")
            return Settled(self._expired(payment), "expired", failure)
        return Settled(payment, "refused", _refusal(result).failure)

    async def _release(self, payment: Payment, operation: Operation, deadline: Deadline) -> Settled:
        hold = operation_id(Kind.PAY, payment)
        item = self._item(payment, operation, kind="void", hold_id=hold)
        result = await self._wallet.call(item, deadline)
        released = _applied(result)
        # A hold that is gone was released by its expiry: the funds are free either way.
        if operation.kind is Kind.EXPIRE or (not released and result.get("code") in _GONE):
            return Settled(self._expired(payment), "expired")
        if not released:
            return Settled(payment, "refused", _refusal(result).failure)
        at = self._clock.now()
        if operation.kind is Kind.VOID:
            return Settled(payment.move(Status.VOIDED, at=at, hold_expires_at=None), "void")
        refused = payment.fail(FailureCode.REVIEW_REFUSED, "refused after review", at=at)
        return Settled(replace(refused, hold_expires_at=None), "refuse")

    def _expired(self, payment: Payment) -> Payment:
        at = self._clock.now()
        payment = replace(payment, hold_expires_at=None)
        if payment.status is Status.AUTHORIZED:
            return payment.move(Status.EXPIRED, at=at)
        return payment.fail(FailureCode.REVIEW_EXPIRED, "nobody decided in time", at=at)

    async def _refund(self, started: Started, deadline: Deadline) -> Settled:
        payment, operation = started.payment, started.operation
        try:
            refund = await self._refund_of(payment, operation, deadline)
        except Refusal as refusal:
            if started.fresh:
                return Settled(payment, "refused", refusal.failure)
            # Whoever drove it before may have had a price.
            item = self._item(payment, operation, kind="cancel")
            result = await self._wallet.call(item, deadline)
            if result["status"] == "applied":
                return Settled(payment, "refused", refusal.failure)
            return self._refunded(payment, operation, None, result)
        item = self._item(
            payment,
            operation,
            kind="post",
            postings=_wire(refund.postings),
            reverses=_captured_by(payment),
            context=refund_context(refund),
        )
        if refund.quote is not None and refund.exchange is not None:
            item["quote"], item["quote_id"] = refund.quote, refund.exchange.quote_id
        result = await self._wallet.call(item, deadline)
        return self._refunded(payment, operation, refund, result)

    async def _refund_of(
        self, payment: Payment, operation: Operation, deadline: Deadline
    ) -> Refund:
        window = round(self._settings.refund_rate_window_seconds * MICROS)
        if is_late(payment, operation.created_at, window):
            priced = await self._assessor.price_back(payment, operation.amount, deadline)
            return at_present_rate(payment, *priced)
        spread = self._settings.refund_returns_spread
        return at_payments_rate(payment, operation.amount, returns_spread=spread)

    def _refunded(
        self,
        payment: Payment,
        operation: Operation,
        refund: Refund | None,
        result: Mapping[str, Any],
    ) -> Settled:
        """Take what the ledger holds under the refund's id: this one, or that of a first drive."""
        if result["status"] == "refused" or not _stands(result):
            return Settled(payment, "refused", _refusal(result).failure)
        try:
            made = adopted_refund(payment, operation.amount, refund, result.get("stored"))
        except Unreadable as error:
            raise Unusable("wallet", str(error)) from error
        refunded = payment.refunded_amount + operation.amount
        whole = refunded == payment.captured_amount
        status = Status.REFUNDED if whole else Status.PARTIALLY_REFUNDED
        at = self._clock.now()
        moved = payment.move(status, at=at, refunded_amount=refunded)
        return Settled(moved, "refund", refund=made)

    def _failed(self, payment: Payment, failure: Failure) -> Settled:
        at = self._clock.now()
        return Settled(payment.fail(failure.code, failure.message, at=at), failure.code.value)

    def _gave_up(self, payment: Payment) -> bool:
        limit = self._settings.give_up_seconds * MICROS
        return self._clock.now() - payment.created_at > limit

    def _item(self, payment: Payment, operation: Operation, **content: Any) -> dict[str, Any]:
        return {
            "transfer_id": operation.operation_id,
            "merchant": payment.merchant,
            "actor": operation.actor,
            **content,
        }


def _captured_by(payment: Payment) -> str:
    """Return the transfer that took the money: the payment's own, its capture or its approval."""
    if payment.risk is not None and payment.risk["decision"] == "review":
        return operation_id(Kind.APPROVE, payment)
    return operation_id(Kind.CAPTURE if payment.capture == "manual" else Kind.PAY, payment)


def _transfer(moved: Payment) -> dict[str, Any]:
    if moved.status is Status.CAPTURED:
        return {"kind": "post", "postings": _wire(capture_postings(moved, moved.amount))}
    return {
        "kind": "hold",
        "account_id": moved.source_account,
        "currency": moved.currency,
        "amount_minor": moved.amount,
        "expires_at": moved.hold_expires_at,
    }


def _stands(result: Mapping[str, Any]) -> bool:
    """Tell whether a transfer stands under the id: this one, or another that came first.

    A conflict says that the id holds something else; only what it holds counts then.
    """
    held = result.get("stored") or result
    if held["status"] not in ("applied", "refused"):
        raise Unusable("wallet", f"{held['status']!r} says nothing of what stands under the id")
    return bool(held["status"] == "applied")


def _applied(result: Mapping[str, Any]) -> bool:
    """Tell whether an action's transfer was made, or was refused for good.

    Raises Unusable when the ledger made another one under its id: neither is the truth then.
    """
    status = result["status"]
    if status not in ("applied", "refused") and _stands(result):
        raise Unusable("wallet", f"another transfer stands under the id: {result.get('message')}")
    return bool(status == "applied")


def _refusal(result: Mapping[str, Any]) -> Refusal:
    refused = result if result["status"] == "refused" else result["stored"]
    return refusal_of(refused.get("code"), refused.get("message"))


def _wire(postings: Iterable[Posting]) -> list[dict[str, Any]]:
    return [posting._asdict() for posting in postings]
