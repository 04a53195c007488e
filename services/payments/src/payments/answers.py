"""Shapes payments, refunds and events into what callers are told.

What the store and the domain keep as data becomes one of the documented words here: a code that a
later release stored is told as one without a code of its own.
"""

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from kurs.contracts.reasons import public_reasons
from kurs.kernel.clock import to_rfc3339
from kurs.kernel.money import format_amount
from payments.domain.applied_rate import AppliedRate
from payments.domain.beginning import Started
from payments.domain.failure import Failure
from payments.domain.identity import refund_id
from payments.domain.moves import Kind, Status
from payments.domain.operation import Answer, Operation, Waiting
from payments.domain.outcomes import Outcome
from payments.domain.payment import Payment
from payments.domain.postings import arriving_amount
from payments.domain.refunds import Refund
from payments.schemas import (
    ExchangeAnswer,
    FailureAnswer,
    PaymentAnswer,
    RefundAnswer,
    RefundState,
)

RUNNING = 202
_WAITS: Mapping[str, str] = {
    "risk": "risk has not decided yet",
    "fx": "there is no price yet",
    "wallet": "the ledger has not confirmed yet",
    "database": "the outcome could not be stored yet",
    "payments": "it is not finished yet",
}
"""What merchants are told of it: what services say of each other is the house's."""


def finished(operation: Operation, outcome: Outcome) -> Answer:
    """Return the first answer of an operation that has an outcome."""
    payment, failure = outcome.payment, outcome.failure
    failed = failure is not None or (operation.kind == Kind.PAY and payment.status == Status.FAILED)
    status = 400 if failed else 200
    if operation.kind == Kind.REFUND:
        state: RefundState = "FAILED" if failed else "SUCCEEDED"
        shown = payment_answer(payment)
        body = _refund(operation, shown, payment, state, failure, outcome.refund)
        return Answer(status, body)
    shown = payment_answer(payment)
    if failure is not None and shown["failure"] is None:
        shown["failure"] = failure_answer(failure)
    return Answer(status, to_json(shown))


def unfinished(started: Started, waiting: Waiting) -> Answer:
    """Return the answer of an operation whose outcome is not known yet; it is not kept."""
    if started.operation.kind == Kind.REFUND:
        shown = payment_answer(started.payment, waiting=waiting)
        body = _refund(started.operation, shown, started.payment, "PROCESSING")
        return Answer(RUNNING, body)
    return Answer(RUNNING, to_json(payment_answer(started.payment, waiting=waiting)))


def _refund(
    operation: Operation,
    shown: PaymentAnswer,
    payment: Payment,
    state: RefundState,
    failure: Failure | None = None,
    made: Refund | None = None,
) -> bytes:
    bought = payment.destination_currency
    exchange = made.exchange if made else None
    answer = RefundAnswer.model_construct(
        refund_id=refund_id(operation.operation_id),
        status=state,
        amount=format_amount(operation.amount, payment.currency),
        currency=payment.currency,
        destination_amount=format_amount(made.given, bought) if made and bought else None,
        destination_currency=bought,
        rate=made.rate.value if made and made.rate else None,
        fx=None if exchange is None else exchange_answer(exchange),
        failure=None if failure is None else failure_answer(failure),
        payment=shown,
    )
    return answer.model_dump_json().encode()


def payment_answer(
    payment: Payment, *, full: bool = False, waiting: Waiting | None = None
) -> PaymentAnswer:
    """Return a payment as callers see it; RECEIVED is PROCESSING to them.

    `full` is with figures of limits, for the role `audit`. `waiting` is what it waits for.
    """
    exchange, failure, currency = payment.exchange, payment.failure, payment.currency
    bought = payment.destination_currency
    arrives = arriving_amount(payment)
    return PaymentAnswer(
        payment_id=payment.payment_id,
        status="PROCESSING" if payment.status == Status.RECEIVED else str(payment.status),
        amount=format_amount(payment.amount, currency),
        currency=currency,
        source_account=payment.source_account,
        destination_account=payment.destination_account,
        destination_amount=format_amount(arrives, bought) if bought and arrives else None,
        destination_currency=bought,
        fx=None if exchange is None else exchange_answer(exchange),
        risk=payment.risk if full or payment.risk is None else _risk_answer(payment.risk),
        failure=None if failure is None else failure_answer(failure, full=full),
        capture=payment.capture,
        captured_amount=format_amount(payment.captured_amount, currency),
        refunded_amount=format_amount(payment.refunded_amount, currency),
        description=payment.description,
        metadata=payment.metadata,
        hold_expires_at=to_rfc3339(payment.hold_expires_at) if payment.hold_expires_at else None,
        created_at=to_rfc3339(payment.created_at),
        updated_at=to_rfc3339(payment.updated_at),
        trace_id=payment.trace_id,
        waits_for=waiting.service if waiting else None,
        open_reason=_open_reason(waiting, full=full) if waiting else None,
    )


def _open_reason(waiting: Waiting, *, full: bool) -> str:
    reason = waiting.reason if full else _WAITS.get(waiting.service, "it is worked on")
    if waiting.set_aside_at is None:
        return reason
    return f"{reason}; set aside since {to_rfc3339(waiting.set_aside_at)}, and tried seldom"


def failure_answer(failure: Failure, *, full: bool = False) -> FailureAnswer:
    """Return a failure as callers see it; `full` is for the role `audit`."""
    message = failure.message if full else failure.public_message
    return FailureAnswer(code=failure.known.value, message=message)


def _risk_answer(risk: Mapping[str, Any]) -> dict[str, Any]:
    decision, score = risk["decision"], risk["score"]
    return {"decision": decision, "score": score, "reasons": public_reasons(risk["reasons"])}


def exchange_answer(exchange: AppliedRate) -> ExchangeAnswer:
    """Return a rate as callers see it."""
    return ExchangeAnswer(
        quote_id=exchange.quote_id,
        mid=f"{exchange.mid:f}",
        spread_bps=exchange.spread_bps,
        rate=f"{exchange.rate:f}",
        source=exchange.source,
        as_of=to_rfc3339(exchange.as_of),
        config_revision=exchange.config_revision,
    )
