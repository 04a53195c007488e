"""Who edited each revision of the rates, as far as it was seen in force.

Releases before this one do not look at the table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, empty."""
    op.create_table(
        "rate_edits",
        sa.Column("revision", sa.String, primary_key=True),
        sa.Column("edited_at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("source", sa.String, nullable=False),
        sa.Column("edited_by", sa.String, nullable=False),
    )
