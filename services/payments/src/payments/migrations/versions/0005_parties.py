"""Whose accounts a payment is between, as the ledger knows them for ever: `merchant/name`.

Releases before this one write neither and need neither: they tell the ledger what the caller wrote.
A payment without them is one of theirs, and what it says is the ledger's own id.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns that may be empty."""
    op.add_column("payments", sa.Column("payer", sa.String))
    op.add_column("payments", sa.Column("payee", sa.String))
