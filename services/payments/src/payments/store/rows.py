"""How a row becomes a Payment or an Operation, and they one.

Kinds, statuses and codes are data here: what a later release stored is read as it is, and only
who decides or answers asks whether it is known.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec.structs import asdict
from pydantic_core import to_json
from sqlalchemy import RowMapping

from payments.domain.applied_rate import rate_values, read_rate
from payments.domain.failure import read_failure
from payments.domain.moves import HELD, MOVES, Kind, Status
from payments.domain.operation import Answer, Operation, Waiting
from payments.domain.payment import Payment

Read = TypeVar("Read")
Row = RowMapping | dict[str, Any]
_PAST_ITS_QUOTE = frozenset(Status) - HELD - MOVES[Kind.PAY].keys()
UNREADABLE = (KeyError, TypeError, ValueError, ArithmeticError, AttributeError, IndexError)
"""What reading a row raises that this release does not understand."""


def payment_values(payment: Payment) -> tuple[Any, ...]:
    """Return the row of a payment in the order of PAYMENT_COLUMNS; JSON as text."""
    return (
        payment.uid,
        payment.merchant,
        payment.payment_id,
        payment.amount,
        payment.currency,
        payment.source_account,
        payment.destination_account,
        payment.capture,
        payment.description,
        _text(payment.metadata),
        payment.trace_id,
        payment.version,
        payment.created_at,
        *changing_values(payment),
    )


def changing_values(payment: Payment) -> tuple[Any, ...]:
    """Return what an outcome changes, in the order of CHANGING_COLUMNS; JSON as text."""
    exchange, risk, failure = payment.exchange, payment.risk, payment.failure
    return (
        str(payment.status),
        # Nothing goes by a quote where the money has moved or never will: of it `exchange` tells.
        None if payment.status in _PAST_ITS_QUOTE else payment.quote,
        payment.destination_currency,
        payment.destination_amount,
        None if exchange is None else _text(rate_values(exchange)),
        None if risk is None else _text(risk),
        None if failure is None else _text(asdict(failure)),
        payment.captured_amount,
        payment.refunded_amount,
        payment.hold_expires_at,
        payment.active_operation,
        payment.updated_at,
        payment.payer,
        payment.payee,
    )


def _text(value: dict[str, Any]) -> str:
    return to_json(value).decode()


def operation_values(operation: Operation) -> tuple[Any, ...]:
    """Return the columns of a pending operation, in the order of OPERATION_COLUMNS."""
    return (
        operation.operation_id,
        operation.uid,
        str(operation.kind),
        operation.idempotency,
        operation.fingerprint,
        operation.amount,
        operation.actor,
        operation.created_at,
        operation.lease_until,
        operation.attempts,
        None,
        None,
        operation.traceparent,
    )


def read_payment(row: Row) -> Payment:
    """Return the Payment of a row of `payments`."""
    values = dict(row)
    del values["uid"]
    if values["exchange"] is not None:
        values["exchange"] = read_rate(values["exchange"])
    if values["failure"] is not None:
        values["failure"] = read_failure(values["failure"])
    return Payment(**values)


def read_operation(row: Row) -> Operation:
    """Return the Operation of a row of `operations`."""
    status = row["answer_status"]
    return Operation(
        operation_id=row["operation_id"],
        uid=row["uid"],
        kind=row["kind"],
        idempotency=row["idempotency"],
        fingerprint=row["fingerprint"],
        amount=row["amount"],
        actor=row["actor"],
        created_at=row["created_at"],
        lease_until=row["lease_until"] or 0,
        attempts=row["attempts"],
        answer=None if status is None else Answer(status, bytes(row["answer"])),
        traceparent=row["traceparent"],
        waiting=read_waiting(row),
    )


def read_waiting(row: Row) -> Waiting | None:
    """Return what the operation of a row was last seen to wait for."""
    service, reason, since = row["waits_for"], row["open_reason"], row["set_aside_at"]
    if service is None and since is None:
        return None
    return Waiting(service or "payments", reason or "what is stored does not say", since)


def readable(
    read: Callable[[Row], Read], rows: Mapping[str, Row]
) -> tuple[dict[str, Read], list[str]]:
    """Return what is read of rows, and the names of those that this release cannot read."""
    found: dict[str, Read] = {}
    unreadable = []
    for name, row in rows.items():
        try:
            found[name] = read(row)
        except UNREADABLE:
            unreadable.append(name)
    return found, unreadable
