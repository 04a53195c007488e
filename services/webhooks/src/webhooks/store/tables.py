"""The tables of the webhooks database."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, Text

metadata = MetaData()

# One row: how far the feed of payments was read, and which replica reads it until when.
feed = Table(
    "feed",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sequence", BigInteger),
    Column("owner", String),
    Column("lease_until", BigInteger, nullable=False),
    Column("mark", String),
    Column("read_at", BigInteger),
)

workers = Table(
    "workers",
    metadata,
    Column("name", String, primary_key=True),
    Column("seen_at", BigInteger, nullable=False),
)

destinations = Table(
    "destinations",
    metadata,
    Column("name", String, primary_key=True),
    Column("fingerprint", String, nullable=False),
    Column("last_sequence", BigInteger),
    # Counts up whenever there is more to send.
    Column("news", BigInteger, nullable=False),
    Column("owner", String),
    Column("lease_until", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failing_since", BigInteger),
    Column("retry_at", BigInteger, nullable=False),
    Column("gone_at", BigInteger),
    Column("last_error", String),
    Column("last_error_at", BigInteger),
    Column("delivered_sequence", BigInteger),
    Column("delivered_at", BigInteger),
    # Whose events went there last, and since when, if others' did before.
    Column("merchant", String),
    Column("merchant_since", BigInteger),
)

# One row: the last good document, as JSON.
kept_destinations = Table(
    "kept_destinations",
    metadata,
    Column("file", String, primary_key=True),
    Column("content", Text, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", String, nullable=False),
    Column("merchant", String, nullable=False),
    Column("payment_id", String, nullable=False),
    Column("type", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

# Those that payments could not read at their turn.
unread_events = Table(
    "unread_events",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("tried_at", BigInteger, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("destination", String, primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("payment_id", String, nullable=False),
    Column("previous", BigInteger),
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("replays", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("failed_at", BigInteger),
    Column("tried_at", BigInteger),
    Column("status", Integer),
    Column("error", String),
    Column("answer", Text),
    Column("delivered_at", BigInteger),
    Column("created_at", BigInteger, nullable=False),
    # Until when its receiver asked not to be sent it.
    Column("rest_until", BigInteger),
)
