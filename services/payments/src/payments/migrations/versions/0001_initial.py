"""Payments, the operations on them, and their append-only events."""

import sqlalchemy as sa
from alembic import op

from kurs.data.append_only import keep_history

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _create_payments()
    _create_operations()
    _create_events()


def _create_payments() -> None:
    op.create_table(
        "payments",
        sa.Column("uid", sa.String, primary_key=True),
        sa.Column("merchant", sa.String, nullable=False),
        sa.Column("payment_id", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("source_account", sa.String, nullable=False),
        sa.Column("destination_account", sa.String, nullable=False),
        sa.Column("destination_currency", sa.String),
        sa.Column("destination_amount", sa.BigInteger),
        sa.Column("capture", sa.String, nullable=False),
        sa.Column("quote", sa.String),
        sa.Column("description", sa.String),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("exchange", sa.JSON),
        sa.Column("risk", sa.JSON),
        sa.Column("failure", sa.JSON),
        sa.Column("captured_amount", sa.BigInteger, nullable=False),
        sa.Column("refunded_amount", sa.BigInteger, nullable=False),
        sa.Column("hold_expires_at", sa.BigInteger),
        sa.Column("trace_id", sa.String),
        sa.Column("active_operation", sa.String),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("amount > 0"),
        sa.CheckConstraint("refunded_amount BETWEEN 0 AND captured_amount"),
        sa.CheckConstraint("captured_amount <= amount"),
    )
    op.create_index("ix_payments_newest", "payments", ["merchant", "created_at", "uid"])
    op.create_index("ix_payments_source", "payments", ["source_account", "created_at"])
    op.create_index("ix_payments_destination", "payments", ["destination_account", "created_at"])
    held = sa.text("hold_expires_at IS NOT NULL")
    op.create_index(
        "ix_payments_held", "payments", ["hold_expires_at"],
        sqlite_where=held, postgresql_where=held,
    )  # fmt: skip


def _create_operations() -> None:
    op.create_table(
        "operations",
        sa.Column("operation_id", sa.String, primary_key=True),
        sa.Column("uid", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("idempotency", sa.String, nullable=False, unique=True),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("lease_until", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("answer_status", sa.Integer),
        sa.Column("answer", sa.LargeBinary),
        sa.CheckConstraint("(lease_until IS NULL) = (answer IS NOT NULL)"),
    )
    pending = sa.text("lease_until IS NOT NULL")
    op.create_index(
        "ix_operations_pending", "operations", ["lease_until"],
        sqlite_where=pending, postgresql_where=pending,
    )  # fmt: skip


def _create_events() -> None:
    op.create_table(
        "payment_events",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("uid", sa.String, nullable=False),
        sa.Column("merchant", sa.String, nullable=False),
        sa.Column("from_status", sa.String),
        sa.Column("to_status", sa.String, nullable=False),
        sa.Column("cause", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_payment_events_feed", "payment_events", ["merchant", "sequence"])
    keep_history("payment_events", ["sequence"], hint="what happened stays as it was told")
