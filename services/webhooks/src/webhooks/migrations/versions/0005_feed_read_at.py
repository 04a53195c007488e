"""When the feed of payments was read last, so that every replica can tell whether it is."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty; a release before leaves it as it is."""
    op.add_column("feed", sa.Column("read_at", sa.BigInteger))
