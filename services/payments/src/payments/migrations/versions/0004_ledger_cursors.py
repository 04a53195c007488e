"""How far the ledger's transfers were compared with operations, and those without one.

Releases before this one write neither table and need none: they work on beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "ledger_cursors",
        sa.Column("chain", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("link", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "unknown_transfers",
        sa.Column("transfer_id", sa.String, primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("merchant", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("found_at", sa.BigInteger, nullable=False),
    )
