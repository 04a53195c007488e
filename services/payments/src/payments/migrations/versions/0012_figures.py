"""Money over time: sums that are kept as events come, and how far events are counted.

Releases before this one write neither table and need none: what they append is counted, too.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "figures",
        sa.Column("merchant", sa.String, primary_key=True),
        sa.Column("period", sa.String, primary_key=True),
        sa.Column("currency", sa.String, primary_key=True),
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sums", sa.JSON, nullable=False),
    )
    op.create_table(
        "figures_cursor",
        sa.Column("number", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
    )
