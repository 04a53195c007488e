"""The tables as queries see them; the migrations create them, with their checks and triggers."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, SmallInteger, Table, Text

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("merchant", Text),
    Column("kind", Text),
    Column("settlement_currency", Text),
    Column("overdrafts", Text),
    Column("opened_at", BigInteger),
    Column("opened_by", Text),
)

# The public name of an account, for those who pay to it without knowing whose it is.
payees = Table(
    "payees",
    metadata,
    Column("payee_id", Text, primary_key=True),
    Column("account_id", Text),
)

# How many accounts each merchant opened on each day (days since the epoch, UTC).
openings = Table(
    "openings",
    metadata,
    Column("merchant", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True),
    Column("opened", BigInteger),
)

# A customer has one row per currency, stripe 0. An account of the house has up to STRIPES of them,
# and its balance is their sum.
balances = Table(
    "balances",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("stripe", SmallInteger, primary_key=True),
    Column("posted", BigInteger),
    Column("held", BigInteger),
    Column("overdraft", BigInteger),
)

transfers = Table(
    "transfers",
    metadata,
    Column("transfer_id", Text, primary_key=True),
    Column("kind", Text),
    Column("merchant", Text),
    Column("status", Text),
    Column("code", Text),
    Column("message", Text),
    Column("field", Text),
    Column("content", Text),
    Column("quote_id", Text),
    Column("reverses", Text),
    Column("hold_id", Text),
    Column("config_revision", Text),
    Column("context", Text),
    Column("created_at", BigInteger),
    Column("actor", Text),
)

postings = Table(
    "postings",
    metadata,
    Column("entry_id", BigInteger, primary_key=True),
    Column("transfer_id", Text),
    Column("account_id", Text),
    Column("currency", Text),
    Column("amount", BigInteger),
    Column("created_at", BigInteger),
)

holds = Table(
    "holds",
    metadata,
    Column("hold_id", Text, primary_key=True),
    Column("merchant", Text),
    Column("account_id", Text),
    Column("currency", Text),
    Column("amount", BigInteger),
    Column("state", Text),
    Column("expires_at", BigInteger),
    Column("closed_by", Text),
)

# What wallet/domain/chain.py says of them.
chains = Table(
    "chains",
    metadata,
    Column("chain", SmallInteger, primary_key=True),
    Column("sequence", BigInteger),
    Column("hash", Text),
    Column("genesis", Text),
)

links = Table(
    "links",
    metadata,
    Column("chain", SmallInteger, primary_key=True),
    Column("sequence", BigInteger, primary_key=True),
    Column("hash", Text),
    Column("transfers", Integer),
    Column("entries", Text),
    Column("created_at", BigInteger),
)

# What all postings up to an entry sum to; wallet/sums.py says more.
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("currency", Text, primary_key=True),
    Column("entry_id", BigInteger),
    Column("total", BigInteger),
    Column("postings", BigInteger),
)

# What wallet/store/archives.py says of them.
archives = Table(
    "archives",
    metadata,
    Column("last_entry", BigInteger, primary_key=True),
    Column("name", Text),
    Column("first_entry", BigInteger),
    Column("postings", BigInteger),
    Column("sha256", Text),
    Column("kept_sha256", Text),
    Column("whole_before", BigInteger),
    Column("archived_at", BigInteger),
)

archived_sums = Table(
    "archived_sums",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("last_entry", BigInteger, primary_key=True),
    Column("total", BigInteger),
    Column("postings", BigInteger),
)

archived_late = Table(
    "archived_late",
    metadata,
    Column("entry_id", BigInteger, primary_key=True),
    Column("transfer_id", Text),
    Column("account_id", Text),
    Column("currency", Text),
    Column("amount", BigInteger),
    Column("created_at", BigInteger),
)

STRIPES = 16
"""Rows per house account and currency; wallet processes spread over them."""
