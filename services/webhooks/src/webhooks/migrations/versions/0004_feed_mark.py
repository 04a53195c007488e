"""Which event the feed was read until: the id beside the sequence."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty; a release before moves the sequence and leaves it as it is."""
    op.add_column("feed", sa.Column("mark", sa.String))
