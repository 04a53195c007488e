"""Shapes what is read of payments into answers: refunds, the whole story, lines of CSV."""

import json
from collections.abc import Sequence
from typing import Any

from kurs.contracts.wallet import TransferResult
from kurs.kernel.accounts import shown
from kurs.kernel.caller import Caller
from kurs.kernel.clock import MICROS, to_rfc3339
from kurs.kernel.money import format_amount
from kurs.web.csv_stream import said
from payments.answers import exchange_answer, payment_answer
from payments.domain.event_types import event_type
from payments.domain.identity import refund_id
from payments.domain.moves import MOVES, Kind, Status
from payments.domain.operation import Operation
from payments.domain.payment import Payment
from payments.reading.explanation import Explanation
from payments.reading.schemas import (
    ExplainAnswer,
    ListedRefundAnswer,
    MoveAnswer,
    OperationAnswer,
    PostingAnswer,
    QuoteStoryAnswer,
    RateEditAnswer,
    RiskStoryAnswer,
    TransferAnswer,
    WaitingAnswer,
)
from payments.store.rate_edits import RateEdit
from payments.store.reads import Found
from payments.store.story import Move

COLUMNS = (
    "payment_id", "status", "amount", "currency", "source_account", "destination_account",
    "destination_amount", "destination_currency", "rate", "spread_bps", "rate_source",
    "risk_decision", "failure_code", "captured_amount", "refunded_amount", "description",
    "metadata", "created_at", "updated_at", "trace_id",
)  # fmt: skip
"""The names of what `csv_row` returns."""
_TOLD_OF_REFUNDS = (
    "status", "destination_amount", "destination_currency", "rate", "fx", "failure",
)  # fmt: skip


def csv_row(found: Found) -> Sequence[str]:
    """Return a payment as a line of an export; what is not known is empty."""
    shaped = payment_answer(found.payment)
    exchange, failure, risk = shaped["fx"], shaped["failure"], shaped["risk"]
    told: dict[str, Any] = {
        **shaped,
        "rate": exchange and exchange["rate"],
        "spread_bps": exchange and str(exchange["spread_bps"]),
        "rate_source": exchange and exchange["source"],
        "risk_decision": risk and risk["decision"],
        "failure_code": failure and failure["code"],
        "description": said(shaped["description"]),
        "metadata": shaped["metadata"] and json.dumps(shaped["metadata"], ensure_ascii=False),
    }
    return [told[column] or "" for column in COLUMNS]


def refund_entry(operation: Operation, payment: Payment) -> ListedRefundAnswer:
    """Return a refund as its first answer told of it; one without an outcome is PROCESSING."""
    known: dict[str, Any] = {} if operation.answer is None else json.loads(operation.answer.body)
    told = {name: known.get(name) for name in _TOLD_OF_REFUNDS}
    return ListedRefundAnswer.model_validate(
        {
            **told,
            "refund_id": refund_id(operation.operation_id),
            "status": told["status"] or "PROCESSING",
            "amount": format_amount(operation.amount, payment.currency),
            "currency": payment.currency,
            "destination_currency": told["destination_currency"] or payment.destination_currency,
            "actor": operation.actor,
            "created_at": to_rfc3339(operation.created_at),
        }
    )


def explain_answer(told: Explanation, caller: Caller) -> ExplainAnswer:
    """Return a payment's whole story as its merchant, or an auditor, sees it."""
    story, full = told.story, caller.sees_all
    payment, waiting = story.found
    shaped = payment_answer(payment, full=full, waiting=waiting)
    asked = sorted((*story.operations, *story.refunds), key=lambda o: o.created_at)
    return ExplainAnswer.model_construct(
        payment=shaped,
        waiting=_waiting(payment, shaped["waits_for"], shaped["open_reason"]),
        may=_may(payment),
        events=[_move(each) for each in story.moves],
        operations=[_operation(each) for each in asked],
        refunds=[refund_entry(each, payment) for each in story.refunds],
        risk=_risk(shaped["risk"], told),
        quote=_quote(payment, told.edit),
        transfers=[_transfer(n, each, payment) for n, each in told.transfers.items()],
        trace_id=payment.trace_id,
        unavailable=list(told.unavailable),
    )


def _waiting(payment: Payment, service: str | None, why: str | None) -> WaitingAnswer | None:
    if service is not None and why is not None:
        return WaitingAnswer(waits_for=service, reason=why, until=None)
    if payment.hold_expires_at is None:
        return None
    until = to_rfc3339(payment.hold_expires_at)
    if payment.status == Status.REVIEW:
        reason = "a person approves or refuses it; then it is refused by itself"
        return WaitingAnswer(waits_for="approval", reason=reason, until=until)
    reason = "it is captured or voided; then the hold is released by itself"
    return WaitingAnswer(waits_for="capture", reason=reason, until=until)


def _may(payment: Payment) -> list[str]:
    if payment.active_operation is not None:
        return []
    own = (kind for kind in MOVES if kind not in (Kind.PAY, Kind.EXPIRE))
    return [str(kind) for kind in own if payment.status in MOVES[kind]]


def _move(move: Move) -> MoveAnswer:
    values = move._asdict()
    kind = event_type(move.from_status, move.to_status, move.cause)
    return MoveAnswer(**{**values, "type": kind, "at": to_rfc3339(move.at)})


def _operation(operation: Operation) -> OperationAnswer:
    answer = operation.answer
    return OperationAnswer(
        kind=str(operation.kind),
        actor=operation.actor,
        asked_at=to_rfc3339(operation.created_at),
        state="open" if answer is None else "done" if answer.status == 200 else "failed",
        attempts=operation.attempts,
        transfer_id=operation.operation_id,
    )


def _risk(shaped: dict[str, Any] | None, told: Explanation) -> RiskStoryAnswer | None:
    if shaped is None:
        return None
    stored = told.decision or {}
    return RiskStoryAnswer(
        decision=shaped["decision"],
        score=shaped["score"],
        reasons=list(shaped["reasons"]),
        inputs=stored.get("inputs"),
        config_revision=stored.get("config_revision"),
        decided_at=stored.get("decided_at"),
    )


def _quote(payment: Payment, edit: RateEdit | None) -> QuoteStoryAnswer | None:
    exchange = payment.exchange
    if exchange is None:
        return None
    age = max(0, payment.created_at - exchange.as_of) / MICROS
    by = edit and RateEditAnswer(
        source=edit.source, by=edit.edited_by, at=to_rfc3339(edit.edited_at)
    )
    return QuoteStoryAnswer(**exchange_answer(exchange), age_seconds=age, last_edit=by)


def _transfer(name: str, result: TransferResult, payment: Payment) -> TransferAnswer:
    stored, made = result.get("stored"), result.get("created_at")
    return TransferAnswer(
        transfer_id=name,
        kind=stored["kind"] if stored else "unknown",
        status=stored["status"] if stored else str(result["status"]),
        at=None if made is None else to_rfc3339(made),
        postings=[
            PostingAnswer(
                account_id=_named(leg["account_id"], payment),
                currency=leg["currency"],
                amount=format_amount(leg["amount_minor"], leg["currency"]),
            )
            for leg in (stored["postings"] if stored else ())
        ],
    )


def _named(account: str, payment: Payment) -> str:
    """Return an account as the payment names it: a payee id does not tell whose it is."""
    if account == payment.payee:
        return payment.destination_account
    if account == payment.payer:
        return payment.source_account
    return shown(payment.merchant, account)
