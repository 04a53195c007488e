"""How far the feed was read, destinations with who sends to them, and deliveries of events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "feed",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.BigInteger),
        sa.Column("owner", sa.String),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "workers",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
    )
    _create_destinations()
    _create_deliveries()


def _create_destinations() -> None:
    op.create_table(
        "destinations",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("fingerprint", sa.String, nullable=False),
        sa.Column("last_sequence", sa.BigInteger),
        sa.Column("news", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("failing_since", sa.BigInteger),
        sa.Column("retry_at", sa.BigInteger, nullable=False),
        sa.Column("gone_at", sa.BigInteger),
        sa.Column("last_error", sa.String),
        sa.Column("last_error_at", sa.BigInteger),
        sa.Column("delivered_sequence", sa.BigInteger),
        sa.Column("delivered_at", sa.BigInteger),
    )


def _create_deliveries() -> None:
    op.create_table(
        "events",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.String, nullable=False),
        sa.Column("merchant", sa.String, nullable=False),
        sa.Column("payment_id", sa.String, nullable=False),
        sa.Column("type", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("destination", sa.String, primary_key=True),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("payment_id", sa.String, nullable=False),
        sa.Column("previous", sa.BigInteger),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("replays", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("failed_at", sa.BigInteger),
        sa.Column("tried_at", sa.BigInteger),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.String),
        sa.Column("answer", sa.Text),
        sa.Column("delivered_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    waiting = sa.text("state = 'waiting'")
    for name, columns in (
        ("ix_deliveries_due", ["destination", "next_at", "sequence"]),
        ("ix_deliveries_order", ["destination", "payment_id", "sequence"]),
        ("ix_deliveries_failed", ["destination", "failed_at"]),
    ):
        op.create_index(name, "deliveries", columns, sqlite_where=waiting, postgresql_where=waiting)
    op.create_index("ix_deliveries_created", "deliveries", ["created_at"])
    op.create_index("ix_deliveries_sequence", "deliveries", ["sequence"])
