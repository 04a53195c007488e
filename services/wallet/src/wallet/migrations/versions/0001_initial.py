"""The ledger: accounts, balances, transfers, postings, holds."""

import sqlalchemy as sa
from alembic import op

from kurs.data.append_only import keep_history

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Ids compare by bytes: faster than a locale's order, and the same lock order everywhere.
ID = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
ENTRY_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CORRECTION = "correct a mistake with a reversal"


def upgrade() -> None:
    """Create the tables, the house's accounts and the triggers that keep history as it is."""
    _create_accounts()
    _create_balances()
    _create_transfers()
    _create_postings()
    _create_holds()
    keep_history("transfers", ["transfer_id", "quote_id"], hint=CORRECTION)
    keep_history("postings", ["entry_id"], hint=CORRECTION)


def _create_accounts() -> None:
    accounts = op.create_table(
        "accounts",
        sa.Column("account_id", ID, primary_key=True),
        sa.Column("merchant", ID, nullable=False),
        sa.Column("kind", ID, nullable=False),
        sa.Column("settlement_currency", ID),
        sa.Column("overdrafts", ID, nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("kind IN ('customer', 'house')", name="accounts_kind"),
    )
    # The house's merchant is a name that no merchant can have.
    op.bulk_insert(
        accounts,
        [
            {
                "account_id": f"house:{name}", "merchant": "house:", "kind": "house",
                "settlement_currency": None, "overdrafts": "{}", "opened_at": 0,
            }
            for name in ("liquidity", "fx-revenue", "world")
        ],
    )  # fmt: skip


def _create_balances() -> None:
    op.create_table(
        "balances",
        sa.Column("account_id", ID, sa.ForeignKey("accounts.account_id"), primary_key=True),
        sa.Column("currency", ID, primary_key=True),
        sa.Column("stripe", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("posted", sa.BigInteger, nullable=False),
        sa.Column("held", sa.BigInteger, nullable=False),
        # NULL: an account of the house, without a limit.
        sa.Column("overdraft", sa.BigInteger),
        sa.CheckConstraint("held >= 0 AND overdraft >= 0", name="balances_not_negative"),
        sa.CheckConstraint("posted - held >= -overdraft", name="balances_limit"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Room on the page keeps an update off the index (heap-only tuples).
        op.execute("ALTER TABLE balances SET (fillfactor = 60)")


def _create_transfers() -> None:
    op.create_table(
        "transfers",
        sa.Column("transfer_id", ID, primary_key=True),
        sa.Column("kind", ID, nullable=False),
        sa.Column("merchant", ID, nullable=False),
        sa.Column("status", ID, nullable=False),
        sa.Column("code", ID),
        sa.Column("message", sa.Text),
        sa.Column("field", ID),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("quote_id", ID),
        sa.Column("reverses", ID),
        sa.Column("hold_id", ID),
        sa.Column("config_revision", ID),
        sa.Column("context", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("status IN ('applied', 'refused')", name="transfers_status"),
    )
    _partial_index("transfers_quote", "transfers", "quote_id", "quote_id IS NOT NULL", unique=True)
    _partial_index("transfers_reverses", "transfers", "reverses", "reverses IS NOT NULL")


def _create_postings() -> None:
    # No foreign keys: on PostgreSQL each posting would lock its account's row, and the house's
    # accounts stand in nearly every transfer. The evaluation knows every account it posts to.
    op.create_table(
        "postings",
        sa.Column("entry_id", ENTRY_ID, sa.Identity(), primary_key=True),
        sa.Column("transfer_id", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("currency", ID, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("amount <> 0", name="postings_not_zero"),
    )
    op.create_index("postings_account", "postings", ["account_id", "entry_id"])


def _create_holds() -> None:
    op.create_table(
        "holds",
        sa.Column("hold_id", ID, primary_key=True),
        sa.Column("merchant", ID, nullable=False),
        sa.Column("account_id", ID, nullable=False),
        sa.Column("currency", ID, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("state", ID, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("closed_by", ID),
        sa.CheckConstraint("amount > 0", name="holds_amount"),
        sa.CheckConstraint(
            "state IN ('held', 'captured', 'voided', 'expired')", name="holds_state"
        ),
    )
    _partial_index("holds_open", "holds", "expires_at", "state = 'held'")


def _partial_index(name: str, table: str, column: str, where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, [column], unique=unique, sqlite_where=condition, postgresql_where=condition
    )
