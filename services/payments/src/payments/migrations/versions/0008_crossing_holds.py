"""An index of open holds across currencies by merchant, which are summed for each such payment.

Releases before this one do not read it: they work on beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index, within the migration's own transaction like all that it does."""
    crossing = sa.text("hold_expires_at IS NOT NULL AND destination_currency <> currency")
    op.create_index(
        "ix_payments_crossing", "payments", ["merchant", "hold_expires_at"],
        sqlite_where=crossing, postgresql_where=crossing,
    )  # fmt: skip
