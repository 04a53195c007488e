"""The tables of the payments database."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
)

metadata = MetaData()

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
    Column("exchange", JSON(none_as_null=True)),
    Column("risk", JSON(none_as_null=True)),
    Column("failure", JSON(none_as_null=True)),
    Column("captured_amount", BigInteger, nullable=False),
    Column("refunded_amount", BigInteger, nullable=False),
    Column("hold_expires_at", BigInteger),
    Column("trace_id", String),
    Column("active_operation", String),
    Column("version", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("payer", String),
    Column("payee", String),
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
    Column("waits_for", String),
    Column("open_reason", String),
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
    # Both are missing in rows of releases before 0009; the second one is what a request named.
    Column("operation_id", String),
    Column("asked_currency", String),
)

# What is to become an event once its place can be had.
late_events = Table(
    "late_events",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    *(Column(c.name, c.type, nullable=c.nullable) for c in events.c if c.name != "sequence"),
)

# How far the ledger's chains were read, and the transfers in them that no operation asked for.
chain_cursors = Table(
    "chain_cursors",
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

# Deposits that have an event.
deposits = Table(
    "deposits",
    metadata,
    Column("transfer_id", String, primary_key=True),
    Column("deposit_id", String, nullable=False),
    Column("merchant", String, nullable=False),
    Column("account_id", String, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String, nullable=False),
    Column("actor", String),
    Column("created_at", BigInteger, nullable=False),
)

# Refunds across currencies that went at the payment's rate, in what was paid in.
old_rate_refunds = Table(
    "old_rate_refunds",
    metadata,
    Column("operation_id", String, primary_key=True),
    Column("merchant", String, nullable=False),
    Column("currency", String, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Money over time: sums by corridor of a span of time, of a merchant or of all.
figures = Table(
    "figures",
    metadata,
    Column("merchant", String, primary_key=True),
    Column("period", String, primary_key=True),
    Column("currency", String, primary_key=True),
    Column("start", BigInteger, primary_key=True),
    Column("sums", JSON, nullable=False),
)

# How far events are counted; one row once anybody has.
figures_cursor = Table(
    "figures_cursor",
    metadata,
    Column("number", SmallInteger, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)

# Who edited a revision of the rates, as far as it was seen in force.
rate_edits = Table(
    "rate_edits",
    metadata,
    Column("revision", String, primary_key=True),
    Column("edited_at", BigInteger, primary_key=True),
    Column("source", String, nullable=False),
    Column("edited_by", String, nullable=False),
)

_FIXED_COLUMNS = (
    "uid", "merchant", "payment_id", "amount", "currency", "source_account",
    "destination_account", "capture", "description", "metadata", "trace_id", "version",
    "created_at",
)  # fmt: skip
CHANGING_COLUMNS = (
    "status", "quote", "destination_currency", "destination_amount", "exchange", "risk", "failure",
    "captured_amount", "refunded_amount", "hold_expires_at", "active_operation", "updated_at",
    "payer", "payee",
)  # fmt: skip
PAYMENT_COLUMNS = _FIXED_COLUMNS + CHANGING_COLUMNS
WAITING_COLUMNS = ("waits_for", "open_reason")
_LATER = ("failures", "set_aside_at", *WAITING_COLUMNS)
OPERATION_COLUMNS = tuple(c.name for c in operations.c if c.name not in _LATER)
EVENT_COLUMNS = tuple(c.name for c in events.c if c.name != "sequence")
