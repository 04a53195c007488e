"""An index of open holds across currencies by merchant, which are summed for each such payment.

Releases before this one do not read it: they work on beside it.
"""

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing: the index is built beside writes."""


def indexes(dialect: str) -> dict[str, str]:
    """Return the index, which is the same on both databases."""
    del dialect
    crossing = "hold_expires_at IS NOT NULL AND destination_currency <> currency"
    return {
        "ix_payments_crossing": f"payments (merchant, hold_expires_at) WHERE {crossing}",
    }
