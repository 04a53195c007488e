"""All SQL of risk, for SQLite and PostgreSQL.

A batch makes the same few statements whatever its size, in one order in every process: the locks
of its accounts by name, then decisions by payment id. Its reads go past SQLAlchemy to the driver:
one JSON or array value carries all keys, so each text is prepared once.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    SmallInteger,
    Table,
    Text,
    select,
    text,
)

from kurs.data.bulk import adding, any_of, fetch, inserting, write_all
from kurs.data.failures import RetryTransaction
from risk.domain.batch import Counter
from risk.domain.decision import Decision
from risk.domain.velocity import Use, Windows, bucket_width, oldest_bucket

metadata = MetaData()

decisions = Table(
    "decisions",
    metadata,
    Column("payment_id", Text, primary_key=True),
    Column("fingerprint", Text),
    Column("inputs", Text),
    Column("outcome", Text),
    Column("score", SmallInteger),
    Column("reasons", Text),
    Column("shadow", Text),
    Column("config_revision", Text),
    Column("decided_at", BigInteger),
)

velocity = Table(
    "velocity",
    metadata,
    Column("account", Text, primary_key=True),
    Column("bucket_width_s", BigInteger, primary_key=True),
    Column("bucket_start", BigInteger, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("attempts", BigInteger),
    Column("amount", BigInteger),
)

_DECISION = Decision._fields
_COUNTER_KEY = ("account", "bucket_width_s", "bucket_start", "currency")
_COUNTED = ("attempts", "amount")

_LOCK_ACCOUNTS = """
    INSERT INTO velocity_locks (account) SELECT * FROM unnest($1::text[])
    ON CONFLICT (account) DO UPDATE SET account = excluded.account"""

_KNOWN_DECISIONS = {
    dialect: f"SELECT {', '.join(_DECISION)} FROM decisions WHERE payment_id {any_of(dialect)}"  # noqa: S608
    for dialect in ("sqlite", "postgresql")
}

# CROSS JOIN keeps SQLite from scanning the counters and looking each account up in the list.
_WINDOW_SUM = {
    "sqlite": """
        SELECT {position}, v.account, v.currency, sum(v.attempts), sum(v.amount)
        FROM json_each(?1) a CROSS JOIN velocity v ON v.account = a.value
        WHERE v.bucket_width_s = ?{width} AND v.bucket_start >= ?{oldest}
        GROUP BY v.account, v.currency""",
    "postgresql": """
        SELECT {position}, v.account, v.currency, sum(v.attempts)::bigint, sum(v.amount)::bigint
        FROM velocity v WHERE v.account = ANY($1::text[])
        AND v.bucket_width_s = ${width} AND v.bucket_start >= ${oldest}
        GROUP BY v.account, v.currency""",
}

# From thirteen widths after its start on, one more than BUCKETS, no window reaches a bucket.
_REMOVE_EXPIRED = """
    DELETE FROM velocity WHERE (account, bucket_width_s, bucket_start, currency) IN (
        SELECT account, bucket_width_s, bucket_start, currency FROM velocity
        WHERE (bucket_start + 13 * bucket_width_s) <= :now LIMIT :at_most"""


def lock_accounts(connection: Connection, accounts: Collection[str]) -> None:
    """Wait until no other process scores one of `accounts`, and keep them until the commit.

    Whatever these accounts used is read after this, so that of two replicas only one can take the
    last place in a window. On SQLite the one writer already excludes others.
    """
    if accounts and connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_LOCK_ACCOUNTS, (sorted(accounts),))


def load_decisions(connection: Connection, payment_ids: Collection[str]) -> dict[str, Decision]:
    """Return the stored decisions with these ids, by id."""
    rows = fetch(connection, _KNOWN_DECISIONS[connection.dialect.name], payment_ids)
    return {row[0]: Decision._make(row) for row in rows}


def find_decision(connection: Connection, payment_id: str) -> Decision | None:
    """Return one stored decision."""
    row = connection.execute(select(decisions).where(decisions.c.payment_id == payment_id)).first()
    return None if row is None else Decision._make(row)


def load_windows(
    connection: Connection, accounts: Collection[str], windows: Sequence[int], now: int
) -> Windows:
    """Return the use of `accounts` in `windows` (seconds) that end at `now` (microseconds)."""
    loaded = Windows()
    if not accounts or not windows:
        return loaded
    bounds = [
        bound for window in windows for bound in (bucket_width(window), oldest_bucket(now, window))
    ]
    sql = _window_sums(connection.dialect.name, len(windows))
    for row in fetch(connection, sql, accounts, *bounds):
        loaded.load(row[1], windows[row[0]], row[2], Use(row[3], row[4]))
    return loaded


def save(connection: Connection, counters: Sequence[Counter], new: Collection[Decision]) -> None:
    """Store new decisions, and count them in their buckets; the accounts must be locked.

    Raises RetryTransaction when another process stored one of their ids since they were loaded.
    """
    rows = sorted(new)
    counting = adding(connection, velocity, _COUNTER_KEY, _COUNTED, counters)
    storing = inserting(connection, decisions, _DECISION, rows, skip_existing=True)
    if write_all(connection, [counting, storing])[1] != len(rows):
        raise RetryTransaction("another process decided on one of the payments")


def remove_expired(connection: Connection, now_seconds: int, at_most: int) -> int:
    """Delete up to `at_most` buckets that no window reaches any more; return how many."""
    # Buckets that another replica is removing are left to it.
    lock = " FOR UPDATE SKIP LOCKED)" if connection.dialect.name == "postgresql" else ")"
    statement = text(_REMOVE_EXPIRED + lock)
    return connection.execute(statement, {"now": now_seconds, "at_most": at_most}).rowcount


@lru_cache(maxsize=256)
def _window_sums(dialect: str, count: int) -> str:
    """Return the sums of `count` windows; parameters: accounts, then width and oldest of each."""
    arm = _WINDOW_SUM[dialect]
    return " UNION ALL ".join(
        arm.format(position=i, width=2 * i + 2, oldest=2 * i + 3) for i in range(count)
    )
