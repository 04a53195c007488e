"""One place in each chain of the ledger, where there were two: for transfers and for deposits.

It begins at the one that lags. Releases before this one go on with the two; what both read is found
once, since a deposit has one row and one event.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_BOTH = """
INSERT INTO chain_cursors (chain, link)
SELECT chain, MIN(link) FROM (
    SELECT chain, link FROM ledger_cursors UNION ALL SELECT chain, link FROM deposit_cursors
) AS places GROUP BY chain
"""


def upgrade() -> None:
    """Create the table and fill it."""
    op.create_table(
        "chain_cursors",
        sa.Column("chain", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("link", sa.BigInteger, nullable=False),
    )
    op.execute(_BOTH)
