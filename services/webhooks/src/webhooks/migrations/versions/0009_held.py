"""An index of what waits for its place at a destination whose row was locked when it came.

Releases before this one leave such a delivery as it is: it is sent when a later one runs again, or
when it is replayed. Meanwhile they send later events of its payment before it: before one of them
runs again, wait until no delivery is held (docs/operations.md, Databases, says how one sees that).
"""

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change no table."""


def indexes(_dialect: str) -> dict[str, str]:
    """Return the index; it is built while deliveries are written."""
    return {
        "ix_deliveries_held": "deliveries (destination, created_at, sequence) WHERE state = 'held'"
    }
