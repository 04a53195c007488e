"""Since when a destination is its merchant's, where it was another's before.

Releases before this one do not read the column, and leave it as it is: what waits for the former
merchant of a destination that they give away is not forgotten until it is given away again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, empty."""
    op.add_column("destinations", sa.Column("merchant_since", sa.BigInteger))
