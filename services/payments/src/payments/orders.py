"""What a request to pay becomes: a payment between accounts, and the operation that pays it."""

from collections.abc import Sequence
from typing import NamedTuple

from opentelemetry.trace import format_trace_id

from kurs.calls import Deadline
from kurs.kernel.accounts import shown
from kurs.kernel.caller import Caller
from kurs.kernel.money import InvalidAmount, parse_amount
from kurs.telemetry import Trace
from payments.accounts import Named
from payments.domain import identity
from payments.domain.moves import Kind
from payments.domain.operation import Operation
from payments.domain.payment import Payment
from payments.errors import AmountInvalid, IdempotencyKeyInvalid
from payments.schemas import PaymentRequest
from payments.store.ops import Claim


class Asked(NamedTuple):
    """A request to pay: who asks, for what, by when, and the trace that it is of.

    `key` is the Idempotency-Key, empty without one; `request_id` is the gateway's.
    """

    caller: Caller
    request: PaymentRequest
    key: str
    request_id: str
    deadline: Deadline
    trace: Trace


def checked_key(idempotency_key: str | None) -> str:
    """Return an Idempotency-Key, empty without one; raises IdempotencyKeyInvalid."""
    if idempotency_key is None:
        return ""
    printable = all("\x21" <= c <= "\x7e" for c in idempotency_key)
    if not 1 <= len(idempotency_key) <= 255 or not printable:
        raise IdempotencyKeyInvalid
    return idempotency_key


def parties_of(asked: Asked) -> tuple[Named, Named]:
    """Return whose money is to go to whom, as the caller names them."""
    merchant, request = asked.caller.merchant, asked.request
    return (
        Named(merchant, shown(merchant, request.source_account)),
        Named(merchant, shown(merchant, request.destination_account)),
    )


def claim(asked: Asked, known_as: Sequence[str | None], *, now: int, lease_until: int) -> Claim:
    """Return what is to be stored; `known_as` are the parties as all name them.

    Raises AmountInvalid. Times are microseconds since the epoch.
    """
    caller, request, merchant = asked.caller, asked.request, asked.caller.merchant
    payment_id = request.payment_id or identity.payment_id(merchant, asked.key, asked.request_id)
    name = identity.operation_id(Kind.PAY, f"{merchant}:{payment_id}")
    source, destination = parties_of(asked)
    payer, payee = known_as
    payment = Payment(
        merchant=merchant,
        payment_id=payment_id,
        amount=minor_units(request.amount, request.currency),
        currency=request.currency,
        source_account=source.account,
        destination_account=destination.account,
        destination_currency=request.destination_currency,
        quote=request.quote,
        capture=request.capture,
        description=request.description,
        metadata=request.metadata,
        created_at=now,
        updated_at=now,
        active_operation=name,
        trace_id=format_trace_id(asked.trace.span.get_span_context().trace_id),
        payer=payer,
        payee=payee,
    )
    operation = Operation(
        operation_id=name,
        uid=payment.uid,
        kind=Kind.PAY,
        idempotency=identity.idempotency(merchant, asked.key, f"p:{merchant}:{payment_id}"),
        fingerprint=identity.payment_fingerprint(payment),
        amount=payment.amount,
        actor=caller.actor,
        created_at=now,
        lease_until=lease_until,
        traceparent=asked.trace.traceparent,
    )
    return Claim(payment, operation)


def minor_units(amount: str, currency: str) -> int:
    """Return an amount in minor units; raises AmountInvalid."""
    try:
        return parse_amount(amount, currency)
    except InvalidAmount as error:
        raise AmountInvalid("amount", error.code, error.message, error.hint) from None
