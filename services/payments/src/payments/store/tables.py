"""The tables of the payments database, and how a row becomes a Payment or an Operation."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    SmallInteger,
    String,
    Table,
)

from payments.domain.failure import read_failure
from payments.domain.operation import Answer, Kind, Operation
from payments.domain.payment import Exchange, Payment, Status

metadata = MetaData()

Row = RowMapping | dict[str, Any]

payments = Table(
    "payments",
    metadata,
    Column("uid", String, primary_key=True),
    Column("merchant", String, nullable=False),
    Column("payment_id", String, nullable=False),
    Column("status", String, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("source_account", String, nullable=False),
    Column("destination_account", String, nullable=False),
    Column("destination_currency", String),
    Column("destination_amount", BigInteger),
    Column("capture", String, nullable=False),
    Column("quote", String),
    Column("description", String),
    Column("metadata", JSON, nullable=False),
    Column("exchange", JSON),
    Column("risk", JSON),
    Column("failure", JSON),
    Column("captured_amount", BigInteger, nullable=False),
    Column("refunded_amount", BigInteger, nullable=False),
    Column("hold_expires_at", BigInteger),
    Column("trace_id", String),
    Column("active_operation", String),
    Column("version", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

operations = Table(
    "operations",
    metadata,
    Column("operation_id", String, primary_key=True),
    Column("uid", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("idempotency", String, nullable=False, unique=True),
    Column("fingerprint", String, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("actor", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("lease_until", BigInteger),
    Column("attempts", Integer, nullable=False),
    Column("answer_status", Integer),
    Column("answer", LargeBinary),
    Column("traceparent", String),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("set_aside_at", BigInteger),
)

events = Table(
    "payment_events",
    metadata,
    # SQLite numbers rows by itself only in a column declared INTEGER.
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("uid", String, nullable=False),
    Column("merchant", String, nullable=False),
    Column("from_status", String),
    Column("to_status", String, nullable=False),
    Column("cause", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# How far the ledger's chains were compared with operations, and what had none.
ledger_cursors = Table(
    "ledger_cursors",
    metadata,
    Column("chain", SmallInteger, primary_key=True),
    Column("link", BigInteger, nullable=False),
)

unknown_transfers = Table(
    "unknown_transfers",
    metadata,
    Column("transfer_id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("merchant", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("found_at", BigInteger, nullable=False),
)

_FIXED_COLUMNS = (
    "uid", "merchant", "payment_id", "amount", "currency", "source_account",
    "destination_account", "capture", "description", "metadata", "trace_id", "version",
    "created_at",
)  # fmt: skip
CHANGING_COLUMNS = (
    "status", "quote", "destination_currency", "destination_amount", "exchange", "risk", "failure",
    "captured_amount", "refunded_amount", "hold_expires_at", "active_operation", "updated_at",
)  # fmt: skip
PAYMENT_COLUMNS = _FIXED_COLUMNS + CHANGING_COLUMNS
_OF_SWEEPERS = ("failures", "set_aside_at")
OPERATION_COLUMNS = tuple(c.name for c in operations.c if c.name not in _OF_SWEEPERS)
EVENT_COLUMNS = ("uid", "merchant", "from_status", "to_status", "cause", "actor", "at")


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
        json.dumps(payment.metadata),
        payment.trace_id,
        payment.version,
        payment.created_at,
        *changing_values(payment),
    )


def changing_values(payment: Payment) -> tuple[Any, ...]:
    """Return what an outcome changes, in the order of CHANGING_COLUMNS; JSON as text."""
    exchange, risk, failure = payment.exchange, payment.risk, payment.failure
    return (
        payment.status.value,
        payment.quote,
        payment.destination_currency,
        payment.destination_amount,
        None if exchange is None else json.dumps(exchange_values(exchange)),
        None if risk is None else json.dumps(risk),
        None if failure is None else json.dumps(asdict(failure)),
        payment.captured_amount,
        payment.refunded_amount,
        payment.hold_expires_at,
        payment.active_operation,
        payment.updated_at,
    )


def operation_values(operation: Operation) -> tuple[Any, ...]:
    """Return the columns of a pending operation, in the order of OPERATION_COLUMNS."""
    return (
        operation.operation_id,
        operation.uid,
        operation.kind.value,
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
    values["status"] = Status(values["status"])
    if values["exchange"] is not None:
        values["exchange"] = read_exchange(values["exchange"])
    if values["failure"] is not None:
        values["failure"] = read_failure(values["failure"])
    return Payment(**values)


def read_operation(row: Row) -> Operation:
    """Return the Operation of a row of `operations`."""
    status = row["answer_status"]
    return Operation(
        operation_id=row["operation_id"],
        uid=row["uid"],
        kind=Kind(row["kind"]),
        idempotency=row["idempotency"],
        fingerprint=row["fingerprint"],
        amount=row["amount"],
        actor=row["actor"],
        created_at=row["created_at"],
        lease_until=row["lease_until"] or 0,
        attempts=row["attempts"],
        answer=None if status is None else Answer(status, bytes(row["answer"])),
        traceparent=row["traceparent"],
    )


def exchange_values(exchange: Exchange) -> dict[str, Any]:
    """Return an exchange as JSON members, decimals as text."""
    return {
        "quote_id": exchange.quote_id,
        "mid": str(exchange.mid),
        "spread_bps": exchange.spread_bps,
        "rate": str(exchange.rate),
        "source": exchange.source,
        "as_of": exchange.as_of,
        "config_revision": exchange.config_revision,
    }


def read_exchange(members: Mapping[str, Any]) -> Exchange:
    """Return the exchange of its JSON members."""
    return Exchange(**{**members, "mid": Decimal(members["mid"]), "rate": Decimal(members["rate"])})
