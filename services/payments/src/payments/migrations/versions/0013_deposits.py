"""Deposits that have an event, and how far the wallet's chains were read for them.

Releases before this one write neither table. To them the event of a deposit is one that cannot be
read, which stops no other: webhooks asks for it again until a replica of this release answers.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "deposits",
        sa.Column("transfer_id", sa.String, primary_key=True),
        sa.Column("deposit_id", sa.String, nullable=False),
        sa.Column("merchant", sa.String, nullable=False),
        sa.Column("account_id", sa.String, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("actor", sa.String),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "deposit_cursors",
        sa.Column("chain", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("link", sa.BigInteger, nullable=False),
    )
