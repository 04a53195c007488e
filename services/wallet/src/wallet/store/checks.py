"""Compares what the ledger says twice, over all of it, each by one statement that the database
sums up (and spills to its disk): nothing but what is wrong comes back.

- balances are the sums of their postings, archived or not, and what is held that of open holds;
- the postings of a transfer are those that its content asked for, at its time, when it was applied;
- every transfer is listed by a link.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text

from wallet.store.archives import COMPARED, KEPT, LATE, OF_ARCHIVES
from wallet.store.tables import links, transfers

# Sums of halves: SQLite's sum() fails past 64 bits.
_OFF = "(sum(amount >> 32) * 4294967296 + sum(amount & 4294967295))"

_BALANCES = f"""
SELECT account_id, currency, {_OFF} FROM (
    SELECT account_id, currency, posted AS amount FROM balances
    UNION ALL SELECT account_id, currency, -amount FROM postings WHERE {KEPT}
    UNION ALL SELECT account_id, currency, -total FROM archived_sums
    WHERE {OF_ARCHIVES}) AS both_sides
GROUP BY account_id, currency HAVING {_OFF} <> 0 ORDER BY account_id, currency LIMIT :most
"""  # noqa: S608 - put together from constants
_HOLDS = f"""
SELECT account_id, currency, {_OFF} FROM (
    SELECT account_id, currency, held AS amount FROM balances WHERE held <> 0
    UNION ALL SELECT account_id, currency, -amount FROM holds WHERE state = 'held') AS both_sides
GROUP BY account_id, currency HAVING {_OFF} <> 0 ORDER BY account_id, currency LIMIT :most
"""  # noqa: S608
# Of what was made before all postings are archived: files tell of them (wallet/archive_files.py).
_LEGS_POSTGRESQL = f"""
    SELECT t.transfer_id, leg->>'account_id', leg->>'currency',
        -(leg->>'amount_minor')::bigint, -1, t.created_at
    FROM transfers t CROSS JOIN LATERAL json_array_elements(t.content::json->'postings') leg
    WHERE t.status = 'applied' AND (leg->>'amount_minor')::bigint <> 0
        AND {COMPARED}
"""  # noqa: S608
_LEGS_SQLITE = f"""
    SELECT t.transfer_id, json_extract(leg.value, '$.account_id'),
        json_extract(leg.value, '$.currency'), -json_extract(leg.value, '$.amount_minor'), -1,
        t.created_at
    FROM transfers t, json_each(t.content, '$.postings') leg
    WHERE t.status = 'applied' AND json_extract(leg.value, '$.amount_minor') <> 0
        AND {COMPARED}
"""  # noqa: S608
_CONTENTS = f"""
SELECT transfer_id, account_id, currency, {_OFF}, min(created_at) FROM (
    SELECT transfer_id, account_id, currency, amount, 1 AS number, created_at FROM postings
    WHERE {KEPT}
    UNION ALL SELECT transfer_id, account_id, currency, amount, 1, created_at FROM archived_late
    WHERE {LATE}
    UNION ALL {{legs}}) AS both_sides
GROUP BY transfer_id, account_id, currency
HAVING {_OFF} <> 0 OR sum(number) <> 0 OR min(created_at) <> max(created_at)
ORDER BY min(created_at), transfer_id, account_id LIMIT :most
"""  # noqa: S608
# PostgreSQL joins by a hash, SQLite looks each id up in a list that it sorts once.
_UNLINKED = {
    "postgresql": """
        SELECT t.transfer_id, t.created_at FROM transfers t
        LEFT JOIN (
            SELECT e->>0 AS id FROM links, json_array_elements(links.entries::json) e
        ) AS listed ON listed.id = t.transfer_id
        WHERE listed.id IS NULL""",
    "sqlite": """
        SELECT t.transfer_id, t.created_at FROM transfers t
        WHERE t.transfer_id NOT IN (
            SELECT json_extract(e.value, '$[0]') FROM links, json_each(links.entries) e)""",
}


class Unequal(NamedTuple):
    """Two sums of one account and currency that should be the same; `off` in minor units."""

    account_id: str
    currency: str
    off: int


class Unbooked(NamedTuple):
    """A transfer whose postings are not what it asked for: by how much, and on which account."""

    transfer_id: str
    account_id: str
    currency: str
    off: int
    created_at: int


def read_whole_tables(connection: Connection) -> None:
    """Let PostgreSQL read tables from one end to the other in this transaction.

    The service's connections keep it from that; see kurs/database.py.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = on")


def wrong_balances(connection: Connection, most: int) -> list[Unequal]:
    """Return up to `most` balances that are not the sum of their postings."""
    return [Unequal(a, c, int(off)) for a, c, off in _run(connection, _BALANCES, most)]


def wrong_holds(connection: Connection, most: int) -> list[Unequal]:
    """Return up to `most` balances whose held amount is not the sum of their open holds."""
    return [Unequal(a, c, int(off)) for a, c, off in _run(connection, _HOLDS, most)]


def wrong_postings(connection: Connection, most: int) -> list[Unbooked]:
    """Return up to `most` differences between postings and contents, the oldest first.

    Raises DBAPIError when a content is no JSON.
    """
    legs = _LEGS_SQLITE if connection.dialect.name == "sqlite" else _LEGS_POSTGRESQL
    rows = _run(connection, _CONTENTS.format(legs=legs), most)
    return [Unbooked(t, a, c, int(off), at) for t, a, c, off, at in rows]


def count_unlinked(connection: Connection) -> int:
    """Return how many transfers no link counts."""
    stored = select(func.count()).select_from(transfers).scalar_subquery()
    linked = select(func.coalesce(func.sum(links.c.transfers), 0)).scalar_subquery()
    return int(connection.execute(select(stored - linked)).scalar_one())


def unlinked(connection: Connection, most: int) -> list[tuple[str, int]]:
    """Return id and time of up to `most` transfers that no link lists, the oldest first."""
    query = unlinked_query(connection) + " ORDER BY t.created_at, t.transfer_id LIMIT :most"
    return [(transfer_id, at) for transfer_id, at in _run(connection, query, most)]


def unlinked_query(connection: Connection) -> str:
    """Return the query for id and time of all transfers that no link lists."""
    return _UNLINKED[connection.dialect.name]


def _run(connection: Connection, query: str, most: int) -> Sequence[Any]:
    return connection.execute(text(query), {"most": most}).all()
