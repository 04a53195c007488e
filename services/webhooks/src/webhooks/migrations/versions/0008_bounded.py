"""An index by how long something waits.

Releases before this one have no use for it.
"""

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change no table."""


def indexes(_dialect: str) -> dict[str, str]:
    """Return the index; it is built while deliveries are written."""
    return {"ix_deliveries_waiting": "deliveries (destination, created_at) WHERE state = 'waiting'"}
