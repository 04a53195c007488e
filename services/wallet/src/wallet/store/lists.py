"""Lists for merchants: their accounts with what these hold, and the entries of one account."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    String,
    cast,
    literal_column,
    null,
    select,
    union_all,
)

from kurs.data.bulk import is_any_of
from wallet.store.accounts import Account, read_account
from wallet.store.archives import first_kept
from wallet.store.reports import Position
from wallet.store.tables import accounts, balances, postings, transfers

# In the words of the index accounts_merchant_name (migration 0004).
_NAME = {
    "sqlite": "substr(account_id, instr(account_id, '/') + 1)",
    "postgresql": "substr(account_id, strpos(account_id, '/') + 1)",
}
_BEHIND_ALL = "~"
"""Behind every character that a name may have."""


class Entry(NamedTuple):
    """One posting with the kind of its transfer, and all accounts that this moved money between."""

    entry_id: int
    transfer_id: str
    kind: str
    currency: str
    amount: int
    created_at: int
    parties: Sequence[str]


class Entries(NamedTuple):
    """Entries of an account, newest first.

    `posted` is what the account had by currency (minor units) after the newest of them; None where
    it was not asked for.
    """

    items: Sequence[Entry]
    posted: Mapping[str, int] | None


def list_accounts(
    connection: Connection, merchant: str, *, prefix: str, after: str | None, limit: int
) -> list[Account]:
    """Return accounts of a merchant whose names begin so, by name, behind the name `after`."""
    name: ColumnElement[str] = literal_column(_NAME[connection.dialect.name], String)
    query = select(accounts).where(accounts.c.merchant == merchant).order_by(name).limit(limit)
    if prefix:
        query = query.where(name >= prefix, name < prefix + _BEHIND_ALL)
    if after is not None:
        query = query.where(name > after)
    return [read_account(row) for row in connection.execute(query)]


def positions_of(
    connection: Connection, account_ids: Collection[str]
) -> Mapping[str, Sequence[Position]]:
    """Return what customers' accounts hold, by account; a currency at a time."""
    columns = (balances.c.account_id, *(balances.c[name] for name in Position._fields))
    query = select(*columns).where(is_any_of(connection, balances.c.account_id, account_ids))
    found: dict[str, list[Position]] = {}
    for account_id, *position in connection.execute(query.order_by(balances.c.currency)):
        found.setdefault(account_id, []).append(Position(*position))
    return found


def entries(
    connection: Connection, account_id: str, *, before: int | None, limit: int, posted: bool
) -> Entries:
    """Return up to `limit` entries older than entry `before`, and what was `posted` if wanted."""
    page = (
        select(
            postings.c.entry_id, postings.c.transfer_id, transfers.c.kind, postings.c.currency,
            postings.c.amount, postings.c.created_at, transfers.c.content,
        )
        .join(transfers, transfers.c.transfer_id == postings.c.transfer_id)
        .where(postings.c.account_id == account_id, postings.c.entry_id >= first_kept())
        .order_by(postings.c.entry_id.desc())
        .limit(limit)
    )  # fmt: skip
    if before is not None:
        page = page.where(postings.c.entry_id < before)
    query = select(page.subquery())
    # One statement sees one moment: a balance of another one would be off by what came between.
    rows = connection.execute(union_all(query, _posted(account_id)) if posted else query).all()
    return Entries(
        [_entry(*row) for row in rows if row[0] is not None],
        {row[3]: row[4] for row in rows if row[0] is None} if posted else None,
    )


def _posted(account_id: str) -> Select[Any]:
    nothing, word = cast(null(), BigInteger), cast(null(), String)
    return select(nothing, word, word, balances.c.currency, balances.c.posted, nothing, word).where(
        balances.c.account_id == account_id, balances.c.stripe == 0
    )


def _entry(*read: Any) -> Entry:
    *told, content = read
    return Entry._make((*told, _parties(content)))


def _parties(content: str) -> Sequence[str]:
    return [leg["account_id"] for leg in json.loads(content).get("postings", ())]
