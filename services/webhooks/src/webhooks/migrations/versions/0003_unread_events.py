"""Events that payments could not read at their turn, asked for again until it can."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; a release before does not look at it."""
    op.create_table(
        "unread_events",
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tried_at", sa.BigInteger, nullable=False),
    )
