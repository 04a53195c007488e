"""What is asked of the ledger for an operation. The operation's id is the transfer's."""

from collections.abc import Iterable
from typing import Any

from payments.domain.adoption import failure_context, outcome_context, refund_context
from payments.domain.failure import Failure
from payments.domain.identity import captured_by, operation_id
from payments.domain.moves import Kind, Status
from payments.domain.operation import Operation
from payments.domain.payment import Payment
from payments.domain.postings import Posting, capture_postings
from payments.domain.refunds import Refund

Item = dict[str, Any]


def pay(moved: Payment, operation: Operation) -> Item:
    """Move the money of a payment, or hold it where a person or a later capture decides.

    `moved` is the payment as it will be.
    """
    item = _item(moved, operation, **_post_or_hold(moved), context=outcome_context(moved))
    if moved.exchange is not None:
        item["quote_id"] = moved.exchange.quote_id
        item["config_revision"] = moved.exchange.config_revision
        if moved.status == Status.CAPTURED:
            item["quote"] = moved.quote
    return item


def cancel(payment: Payment, operation: Operation, failure: Failure | None = None) -> Item:
    """Burn the operation's id, so that nothing can ever move under it."""
    if failure is None:
        return _item(payment, operation, kind="cancel")
    return _item(payment, operation, kind="cancel", context=failure_context(payment, failure))


def capture(payment: Payment, operation: Operation) -> Item:
    """Take what is held, all or the operation's part of it."""
    item = _item(
        payment,
        operation,
        kind="capture",
        hold_id=operation_id(Kind.PAY, payment),
        postings=_wire(capture_postings(payment, operation.amount)),
    )
    if payment.exchange is not None:
        item["quote"] = payment.quote
    return item


def release(payment: Payment, operation: Operation) -> Item:
    """Give back what is held."""
    return _item(payment, operation, kind="void", hold_id=operation_id(Kind.PAY, payment))


def refund(payment: Payment, operation: Operation, refund: Refund) -> Item:
    """Give back the operation's part of what was captured."""
    item = _item(
        payment,
        operation,
        kind="post",
        postings=_wire(refund.postings),
        reverses=captured_by(payment),
        context=refund_context(refund),
    )
    if refund.quote is not None and refund.exchange is not None:
        item["quote"], item["quote_id"] = refund.quote, refund.exchange.quote_id
    return item


def _post_or_hold(moved: Payment) -> Item:
    if moved.status == Status.CAPTURED:
        return {"kind": "post", "postings": _wire(capture_postings(moved, moved.amount))}
    return {
        "kind": "hold",
        "account_id": moved.parties[0],
        "currency": moved.currency,
        "amount_minor": moved.amount,
        "expires_at": moved.hold_expires_at,
    }


def _item(payment: Payment, operation: Operation, **content: Any) -> Item:
    return {
        "transfer_id": operation.operation_id,
        "merchant": payment.merchant,
        "actor": operation.actor,
        **content,
    }


def _wire(postings: Iterable[Posting]) -> list[Item]:
    return [posting._asdict() for posting in postings]
