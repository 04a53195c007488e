"""Who asked for a transfer, and who opened an account: `merchant/key`.

Releases before this one write neither and need neither: they work on with both columns.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns that may be empty."""
    op.add_column("transfers", sa.Column("actor", sa.Text))
    op.add_column("accounts", sa.Column("opened_by", sa.Text))
