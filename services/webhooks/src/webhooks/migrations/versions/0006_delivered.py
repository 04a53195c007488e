"""An index by when something was delivered: what is old is found without what waits.

Releases before this one do not read it: they work on beside it.
"""

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing of the tables."""


def indexes(_dialect: str) -> dict[str, str]:
    """Return the index; it is built while deliveries are written."""
    return {"ix_deliveries_delivered": "deliveries (delivered_at)"}
