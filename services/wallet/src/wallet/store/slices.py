"""Reads the whole ledger in slices, each by one statement that sees one moment.

Postings come in the order of their accounts, by the index that serves statements of accounts, and
with each slice the balances of the accounts in it; transfers in the order of their ids.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from wallet.store.archives import KEPT, OF_ARCHIVES

_AFTER_ALL = "\U0010ffff"
"""Greater than any id of an account, which is ASCII."""
FIRST_ENTRY, LAST_ENTRY = -(2**63), 2**63 - 1
"""Before and behind any entry: who inserts one of his own chooses its number."""

_SLICE = text(f"""
WITH page AS (
    SELECT account_id, entry_id, transfer_id, currency, amount, created_at FROM postings
    WHERE (account_id, entry_id) > (:account_id, :entry_id) AND {KEPT}
    ORDER BY account_id, entry_id LIMIT :most)
SELECT 0, account_id, entry_id, transfer_id, currency, amount, created_at FROM page
UNION ALL
SELECT 1, account_id, 0, '', currency, amount, 0 FROM (
    SELECT account_id, currency, posted AS amount FROM balances
    UNION ALL SELECT account_id, currency, -total FROM archived_sums
    WHERE {OF_ARCHIVES}) AS open
WHERE account_id >= :account_id AND account_id <= (
    SELECT CASE WHEN count(*) < :most THEN :after_all ELSE max(account_id) END FROM page)
""")  # noqa: S608 - put together from constants
# Sums of halves: SQLite's sum() fails past 64 bits.
_REST = text(f"""
SELECT currency, sum(amount >> 32) * 4294967296 + sum(amount & 4294967295) FROM (
    SELECT currency, posted AS amount FROM balances WHERE account_id = :account_id
    UNION ALL
    SELECT currency, -amount FROM postings
    WHERE account_id = :account_id AND entry_id > :entry_id AND {KEPT}
    UNION ALL
    SELECT currency, -total FROM archived_sums
    WHERE account_id = :account_id AND {OF_ARCHIVES}) AS both_sides
GROUP BY currency
""")  # noqa: S608
_TRANSFERS = text("""
SELECT max(transfer_id), count(CASE WHEN created_at < :before THEN 1 END), max(created_at) FROM (
    SELECT transfer_id, created_at FROM transfers WHERE transfer_id > :after
    ORDER BY transfer_id LIMIT :most) AS page
""")


class Entry(NamedTuple):
    """One posting, or (a part of) a balance, which has no entry; amounts in minor units."""

    account_id: str
    entry_id: int
    transfer_id: str
    currency: str
    amount: int
    created_at: int


class Slice(NamedTuple):
    """Some postings in the order of accounts and entries, and balances, less what was archived.

    These are from the first's account to the last's, or to the end of all when the postings are
    fewer than were asked for."""

    postings: Sequence[Entry]
    balances: Sequence[Entry]


def ledger_slice(connection: Connection, account_id: str, entry_id: int, most: int) -> Slice:
    """Return up to `most` postings after one, in the order of accounts and entries."""
    asked = {
        "account_id": account_id, "entry_id": entry_id, "most": most, "after_all": _AFTER_ALL,
    }  # fmt: skip
    found: tuple[list[Entry], list[Entry]] = ([], [])
    for is_balance, *row in connection.execute(_SLICE, asked):
        found[is_balance].append(Entry(*row))
    return Slice(*map(sorted, found))


def rest_off(connection: Connection, account_id: str, entry_id: int) -> Mapping[str, int]:
    """Return by how much an account's balances exceed its postings after one, by currency.

    What was archived is taken from them as well.
    """
    asked = {"account_id": account_id, "entry_id": entry_id}
    return {currency: int(off) for currency, off in connection.execute(_REST, asked)}


def count_transfers_after(
    connection: Connection, after: str, before: int, most: int
) -> tuple[str | None, int, int]:
    """Return the last of up to `most` transfers after an id, how many were made `before`, and when
    the youngest was.

    The last is None when there was none.
    """
    asked = {"after": after, "before": before, "most": most}
    last, count, youngest = connection.execute(_TRANSFERS, asked).one()
    return last, int(count), int(youngest or 0)
