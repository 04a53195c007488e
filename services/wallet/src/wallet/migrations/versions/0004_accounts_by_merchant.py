"""A merchant has each account's name once, payee ids stand for accounts, and openings are counted.

Releases before this one open accounts by the bare name, are held to the names by the index as well,
and neither read nor write the new tables.
"""

import sqlalchemy as sa
from alembic import op

from kurs.data.append_only import keep_history

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_AFTER = {"sqlite": "instr(account_id, '/')", "postgresql": "strpos(account_id, '/')"}
_DAY = 86_400_000_000
_SEED = f"""
INSERT INTO openings (merchant, day, opened)
SELECT merchant, opened_at / {_DAY}, count(*) FROM accounts
WHERE kind = 'customer' GROUP BY merchant, opened_at / {_DAY}
"""  # noqa: S608 - put together from constants


def upgrade() -> None:
    """Create the index and the tables, and count what was opened so far.

    An account's name is what follows the slash in its id, and all of the id when there is none.
    """
    name = f"substr(account_id, {_AFTER[op.get_bind().dialect.name]} + 1)"
    op.execute(f"CREATE UNIQUE INDEX accounts_merchant_name ON accounts (merchant, ({name}))")
    op.create_table(
        "payees",
        sa.Column("payee_id", _ID, primary_key=True),
        sa.Column(
            "account_id", _ID, sa.ForeignKey("accounts.account_id"), nullable=False, unique=True
        ),
    )
    keep_history("payees", ["payee_id", "account_id"], hint="a payee id stays with its account")
    op.create_table(
        "openings",
        sa.Column("merchant", _ID, primary_key=True),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("opened", sa.BigInteger, nullable=False),
    )
    op.execute(_SEED)
