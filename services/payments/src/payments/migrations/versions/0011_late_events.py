"""Events whose place among the others could not be had, until they get one.

Releases before this one neither write nor read them: what they read is the events in their order.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, within the migration's own transaction like all that it does."""
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "late_events",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("uid", sa.String, nullable=False),
        sa.Column("merchant", sa.String, nullable=False),
        sa.Column("from_status", sa.String),
        sa.Column("to_status", sa.String, nullable=False),
        sa.Column("cause", sa.String, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("operation_id", sa.String),
        sa.Column("asked_currency", sa.String),
    )
