"""Sums of settled postings are kept: no look and no request reads the ledger from its start.

Releases before this one neither read nor write them; the audit fills them in parts.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, empty."""
    op.create_table(
        "checkpoints",
        sa.Column("currency", sa.Text, primary_key=True),
        sa.Column("entry_id", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("postings", sa.BigInteger, nullable=False),
    )
