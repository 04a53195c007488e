"""How often finishing an operation has failed, and since when it is set aside.

Releases before this one write neither and need neither: an operation that is set aside has a lease
that ends far ahead, so that they leave it alone as well.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns: a count that begins at nothing, and a moment that may be empty."""
    count = sa.Column("failures", sa.Integer, nullable=False, server_default="0")
    op.add_column("operations", count)
    op.add_column("operations", sa.Column("set_aside_at", sa.BigInteger))
