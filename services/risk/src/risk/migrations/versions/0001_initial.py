"""Decisions that stay as they are, and the velocity counters of accounts."""

import sqlalchemy as sa
from alembic import op

from kurs.data.append_only import keep_history

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Ids compare by bytes: the lock order is the same in every process, whatever the locale.
ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables and the trigger that keeps decisions as they are."""
    _create_decisions()
    _create_velocity()
    keep_history(
        "decisions",
        ["payment_id"],
        hint="a decision is never changed, a new payment gets a new one",
    )
    if op.get_bind().dialect.name == "postgresql":
        # Room on the page keeps an update off the indexes (heap-only tuples).
        op.execute("ALTER TABLE velocity SET (fillfactor = 60)")
        op.execute("ALTER TABLE velocity_locks SET (fillfactor = 60)")


def _create_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("payment_id", ID, primary_key=True),
        sa.Column("fingerprint", ID, nullable=False),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("outcome", ID, nullable=False),
        sa.Column("score", sa.SmallInteger, nullable=False),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("shadow", sa.Text, nullable=False),
        sa.Column("config_revision", ID, nullable=False),
        sa.Column("decided_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("outcome IN ('approve', 'review', 'decline')", name="decisions_outcome"),
        sa.CheckConstraint("score BETWEEN 0 AND 100", name="decisions_score"),
    )


def _create_velocity() -> None:
    op.create_table(
        "velocity",
        sa.Column("account", ID, primary_key=True),
        sa.Column("bucket_width_s", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("bucket_start", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("currency", ID, primary_key=True),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.CheckConstraint("attempts > 0 AND amount >= 0", name="velocity_positive"),
        sqlite_with_rowid=False,
    )
    # The moment from which no window reaches a bucket any more; risk/store.py cleans up by it.
    op.create_index(
        "velocity_expiry", "velocity", [sa.text("(bucket_start + 13 * bucket_width_s)")]
    )
    # One row per account, whose lock orders the batches of all replicas. The counters themselves
    # cannot: two replicas may count the same account in different buckets.
    op.create_table(
        "velocity_locks",
        sa.Column("account", ID, primary_key=True),
        sqlite_with_rowid=False,
    )
