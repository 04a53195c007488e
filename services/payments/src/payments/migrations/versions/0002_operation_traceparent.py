"""The span that an operation came from, so that a sweeper's work is part of the same trace.

Releases before this one write no such column and need none: they work on with it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column that may be empty."""
    op.add_column("operations", sa.Column("traceparent", sa.String))
