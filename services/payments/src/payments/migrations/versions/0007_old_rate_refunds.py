"""Refunds across currencies that went at the payment's rate: what a merchant took from the house.

Releases before this one write none: what they give back is not counted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "old_rate_refunds",
        sa.Column("operation_id", sa.String, primary_key=True),
        sa.Column("merchant", sa.String, nullable=False),
        sa.Column("currency", sa.String, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_old_rate_refunds_merchant", "old_rate_refunds", ["merchant", "at"])
    op.create_index("ix_old_rate_refunds_at", "old_rate_refunds", ["at"])
