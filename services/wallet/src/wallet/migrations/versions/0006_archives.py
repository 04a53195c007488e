"""Postings can be set aside: what they summed up to, and what stands for them, is kept here.

Releases before this one read none of it: nothing may be archived before all have gone. On
PostgreSQL postings are cut by their number (kurs.data.partitions), which they do not see.
"""

import sqlalchemy as sa
from alembic import op

from kurs.data.append_only import keep_history

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_HINT = "what was archived stays archived"


def partitions() -> dict[str, str]:
    """Return the tables to cut, with the column of their number."""
    return {"postings": "entry_id"}


def upgrade() -> None:
    """Create the tables, empty."""
    op.create_table(
        "archives",
        sa.Column("last_entry", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", _ID, nullable=False, unique=True),
        sa.Column("first_entry", sa.BigInteger, nullable=False),
        sa.Column("postings", sa.BigInteger, nullable=False),
        sa.Column("sha256", _ID, nullable=False),
        sa.Column("kept_sha256", _ID, nullable=False),
        sa.Column("whole_before", sa.BigInteger, nullable=False),
        sa.Column("archived_at", sa.BigInteger, nullable=False),
    )
    keep_history("archives", ["last_entry", "name"], hint=_HINT)
    op.create_table(
        "archived_sums",
        sa.Column("account_id", _ID, primary_key=True),
        sa.Column("currency", _ID, primary_key=True),
        sa.Column("last_entry", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("postings", sa.BigInteger, nullable=False),
    )
    op.create_index("archived_sums_archive", "archived_sums", ["last_entry"])
    keep_history("archived_sums", [("account_id", "currency", "last_entry")], hint=_HINT)
    op.create_table(
        "archived_late",
        sa.Column("entry_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("transfer_id", _ID, nullable=False),
        sa.Column("account_id", _ID, nullable=False),
        sa.Column("currency", _ID, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    keep_history("archived_late", ["entry_id"], hint=_HINT)
