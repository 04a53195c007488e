"""Until when a receiver wants a delivery to rest, and whose events a destination got.

Releases before this one do not read the columns, and leave them as they are.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty."""
    op.add_column("deliveries", sa.Column("rest_until", sa.BigInteger))
    op.add_column("destinations", sa.Column("merchant", sa.String))
