"""The texts of the reads that every batch makes, for both databases.

They go past SQLAlchemy to the driver: the text never changes with the number of keys (one JSON or
array value carries them all), so the driver prepares each once, and building and compiling a Core
query would cost several times what running it does.
"""

# ruff: noqa: S608 - the texts are put together from constants only
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from kurs.data.bulk import any_of, fetch
from wallet.store.tables import transfers

_RECORD = ", ".join(column.name for column in transfers.columns)


@dataclass(frozen=True, slots=True)
class Statements:
    """The reads of a batch, each with one array value per parameter."""

    lock_balances: str
    """Account ids, currencies, stripes (on SQLite as one list of triples), hold ids -> balances.

    Those named and those under the holds, locked in the order of their keys.
    """
    known_transfers: str
    """Transfer ids, quote ids -> records that have one of them."""
    accounts: str
    """Account ids -> id and merchant."""
    holds: str
    """Hold ids -> holds."""
    lock_transfers: str
    """Transfer ids -> nothing of use; no other process goes on with one of them until the commit.

    A lock by name: to lock a row takes the right to change it, which the service does not have.
    """
    reversals: str
    """Transfer ids -> the applied records that reverse one of them."""


_LISTED, _ARRAY = any_of("sqlite"), any_of("postgresql")
_BALANCE = "b.account_id, b.currency, b.posted, b.held, b.overdraft, a.merchant"
_HOLD = "hold_id, merchant, account_id, currency, amount, state, expires_at, closed_by"

SQLITE = Statements(
    lock_balances=f"""
        WITH wanted(account_id, currency, stripe) AS (
            SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),
                json_extract(value, '$[2]') FROM json_each(?)
            UNION SELECT account_id, currency, 0 FROM holds WHERE hold_id {_LISTED})
        SELECT {_BALANCE} FROM wanted
        CROSS JOIN balances b USING (account_id, currency, stripe)
        CROSS JOIN accounts a USING (account_id)""",
    known_transfers=f"SELECT {_RECORD} FROM transfers WHERE transfer_id {_LISTED} "
    f"UNION ALL SELECT {_RECORD} FROM transfers WHERE quote_id {_LISTED}",
    accounts=f"SELECT account_id, merchant FROM accounts WHERE account_id {_LISTED}",
    holds=f"SELECT {_HOLD} FROM holds WHERE hold_id {_LISTED}",
    lock_transfers="",
    reversals=f"SELECT {_RECORD} FROM transfers WHERE reverses {_LISTED} "
    "AND reverses IS NOT NULL AND status = 'applied'",
)  # fmt: skip

POSTGRESQL = Statements(
    lock_balances=f"""
        SELECT {_BALANCE} FROM balances b JOIN accounts a USING (account_id)
        WHERE (b.account_id, b.currency, b.stripe) IN (
            SELECT * FROM unnest($1::text[], $2::text[], $3::smallint[])
            UNION SELECT account_id, currency, 0::smallint FROM holds
            WHERE hold_id {any_of('postgresql', 4)})
        ORDER BY b.account_id, b.currency, b.stripe FOR UPDATE OF b""",
    known_transfers=f"SELECT {_RECORD} FROM transfers WHERE transfer_id {_ARRAY} "
    f"UNION ALL SELECT {_RECORD} FROM transfers WHERE quote_id {any_of('postgresql', 2)}",
    accounts=f"SELECT account_id, merchant FROM accounts WHERE account_id {_ARRAY}",
    holds=f"SELECT {_HOLD} FROM holds WHERE hold_id {_ARRAY}",
    lock_transfers="SELECT pg_advisory_xact_lock(key) FROM (SELECT hashtextextended(id, 0) AS key "
    "FROM unnest($1::text[]) id ORDER BY 1) AS ordered",
    reversals=f"SELECT {_RECORD} FROM transfers WHERE reverses {_ARRAY} "
    "AND reverses IS NOT NULL AND status = 'applied'",
)  # fmt: skip


def statements(connection: Connection) -> Statements:
    """Return the texts for the connection's database."""
    return SQLITE if connection.dialect.name == "sqlite" else POSTGRESQL


def fetch_balances(
    connection: Connection, keys: Collection[tuple[str, str, int]], hold_ids: Collection[str]
) -> Sequence[Any]:
    """Lock and return the balances with these keys (account, currency, stripe) or holds."""
    if connection.dialect.name == "sqlite":
        return fetch(connection, SQLITE.lock_balances, keys, hold_ids)
    columns = zip(*keys, strict=True) if keys else ((), (), ())
    return fetch(connection, POSTGRESQL.lock_balances, *map(list, columns), hold_ids)
