"""Events name their operation, whose first answer is the payment as it was then.

Releases before this one write neither column. Of what they write the operation is known by its
name, unless it is a refund: such an event shows the payment as it is when it is read.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns that may be empty."""
    op.add_column("payment_events", sa.Column("operation_id", sa.String))
    op.add_column("payment_events", sa.Column("asked_currency", sa.String))
