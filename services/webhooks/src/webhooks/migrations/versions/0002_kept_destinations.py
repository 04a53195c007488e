"""The last good version of each file of destinations."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; a release before does not look at it."""
    op.create_table(
        "kept_destinations",
        sa.Column("file", sa.String, primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
    )
