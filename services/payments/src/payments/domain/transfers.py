"""What is asked of the ledger for an operation. The operation's id is the transfer's."""

from collections.abc import Iterable

from kurs.contracts.wallet import (
    CancelItem,
    CaptureItem,
    HoldItem,
    PostingItem,
    PostItem,
    TransferItem,
    VoidItem,
)
from payments.domain.adoption import failure_context, outcome_context, refund_context
from payments.domain.failure import Failure
from payments.domain.identity import captured_by, operation_id
from payments.domain.moves import Kind, Status
from payments.domain.operation import Operation
from payments.domain.payment import Payment
from payments.domain.postings import Posting, capture_postings
from payments.domain.refunds import Refund


def pay(moved: Payment, operation: Operation) -> TransferItem:
    """Move the money of a payment, or hold it where a person or a later capture decides.

    `moved` is the payment as it will be.
    """
    item = _post(moved, operation) if moved.status == Status.CAPTURED else _hold(moved, operation)
    if moved.exchange is not None:
        item["quote_id"] = moved.exchange.quote_id
        item["config_revision"] = moved.exchange.config_revision
    return item


def cancel(payment: Payment, operation: Operation, failure: Failure | None = None) -> CancelItem:
    """Burn the operation's id, so that nothing can ever move under it."""
    item: CancelItem = {
        "transfer_id": operation.operation_id,
        "merchant": payment.merchant,
        "actor": operation.actor,
        "kind": "cancel",
    }
    if failure is not None:
        item["context"] = failure_context(payment, failure)
    return item


def capture(payment: Payment, operation: Operation) -> CaptureItem:
    """Take what is held, all or the operation's part of it."""
    item: CaptureItem = {
        "transfer_id": operation.operation_id,
        "merchant": payment.merchant,
        "actor": operation.actor,
        "kind": "capture",
        "hold_id": operation_id(Kind.PAY, payment),
        "postings": _wire(capture_postings(payment, operation.amount)),
    }
    if payment.exchange is not None:
        item["quote"] = payment.quote
    return item


def release(payment: Payment, operation: Operation) -> VoidItem:
    """Give back what is held."""
    return {
        "transfer_id": operation.operation_id,
        "merchant": payment.merchant,
        "actor": operation.actor,
        "kind": "void",
        "hold_id": operation_id(Kind.PAY, payment),
    }


def refund(payment: Payment, operation: Operation, refund: Refund) -> PostItem:
    """Give back the operation's part of what was captured."""
    item: PostItem = {
        "transfer_id": operation.operation_id,
        "merchant": payment.merchant,
        "actor": operation.actor,
        "kind": "post",
        "postings": _wire(refund.postings),
        "reverses": captured_by(payment),
        "context": refund_context(refund),
    }
    if refund.quote is not None and refund.exchange is not None:
        item["quote"], item["quote_id"] = refund.quote, refund.exchange.quote_id
    return item


def _post(moved: Payment, operation: Operation) -> PostItem:
    item: PostItem = {
        "transfer_id": operation.operation_id,
        "merchant": moved.merchant,
        "actor": operation.actor,
        "kind": "post",
        "postings": _wire(capture_postings(moved, moved.amount)),
        "context": outcome_context(moved),
    }
    if moved.exchange is not None:
        item["quote"] = moved.quote
    return item


def _hold(moved: Payment, operation: Operation) -> HoldItem:
    return {
        "transfer_id": operation.operation_id,
        "merchant": moved.merchant,
        "actor": operation.actor,
        "kind": "hold",
        "account_id": moved.parties[0],
        "currency": moved.currency,
        "amount_minor": moved.amount,
        "expires_at": moved.hold_expires_at or 0,
        "context": outcome_context(moved),
    }


def _wire(postings: Iterable[Posting]) -> list[PostingItem]:
    return [
        {"account_id": account, "currency": currency, "amount_minor": amount}
        for account, currency, amount in postings
    ]
