"""What an operation without an outcome waits for, and why: the last that was found.

Releases before this one write neither and need neither: they work on beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns that may be empty."""
    op.add_column("operations", sa.Column("waits_for", sa.String))
    op.add_column("operations", sa.Column("open_reason", sa.String))
