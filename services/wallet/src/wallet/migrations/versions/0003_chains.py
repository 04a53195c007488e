"""A hash chain over transfers: one per stripe of the house's accounts, a link per committed batch.

Releases before this one write no links and need none: they work on beside it. What they made is
listed by `python -m wallet seal` once they are gone, in a chain that is here only where transfers
were made before.
"""

import secrets

import sqlalchemy as sa
from alembic import op

from kurs.data.append_only import keep_history

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_STRIPES = 16
_HISTORY = -1


def upgrade() -> None:
    """Create the chains, each at its random beginning, and the table of their links."""
    _create_chains()
    _create_links()


def _create_chains() -> None:
    chains = op.create_table(
        "chains",
        sa.Column("chain", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("genesis", sa.Text, nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Room on the page keeps an update off the index (heap-only tuples).
        op.execute("ALTER TABLE chains SET (fillfactor = 20)")
    used = op.get_bind().execute(sa.text("SELECT 1 FROM transfers LIMIT 1")).first()
    numbers = [*([_HISTORY] if used else []), *range(_STRIPES)]
    beginnings = [(number, secrets.token_hex(32)) for number in numbers]
    op.bulk_insert(
        chains,
        [
            {"chain": number, "sequence": 0, "hash": genesis, "genesis": genesis}
            for number, genesis in beginnings
        ],
    )


def _create_links() -> None:
    op.create_table(
        "links",
        sa.Column("chain", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Column("transfers", sa.Integer, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    keep_history("links", [("chain", "sequence")], hint="a chain only grows")
