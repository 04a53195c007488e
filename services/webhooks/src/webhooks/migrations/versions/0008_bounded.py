"""Which events are sent again, and an index by how long something waits.

Releases before this one do not read the columns, and leave them as they are: what they replay is
not told as under way.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty."""
    op.add_column("destinations", sa.Column("replay_after", sa.BigInteger))
    op.add_column("destinations", sa.Column("replay_until", sa.BigInteger))


def indexes(_dialect: str) -> dict[str, str]:
    """Return the index; it is built while deliveries are written."""
    return {"ix_deliveries_waiting": "deliveries (destination, created_at) WHERE state = 'waiting'"}
