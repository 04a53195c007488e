"""Opens accounts and finds them. An account never changes once it is open."""

import json
from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from kurs.data.bulk import insert_rows, is_any_of
from wallet.store.tables import accounts, balances

_ACCOUNT = tuple(column.name for column in accounts.columns)
_BALANCE = tuple(column.name for column in balances.columns)


class Account(NamedTuple):
    """An account; `overdrafts` in minor units by currency, `opened_at` in microseconds.

    `opened_by` is who asked, `merchant/key`; earlier releases stored none.
    """

    account_id: str
    merchant: str
    kind: str
    settlement_currency: str | None
    overdrafts: Mapping[str, int]
    opened_at: int
    opened_by: str | None = None


def open_accounts(connection: Connection, wanted: Sequence[Account]) -> list[Account]:
    """Insert those that do not exist and return what is stored under each id, in order.

    The caller compares: an account that existed is returned as it is, whoever owns it.
    """
    rows = [(*a[:4], _dump(a.overdrafts), a.opened_at, a.opened_by) for a in wanted]
    rows.sort(key=itemgetter(0))
    insert_rows(connection, accounts, _ACCOUNT, rows, skip_existing=True)
    stored = find_accounts(connection, {a.account_id for a in wanted})
    limits = sorted(
        (account.account_id, currency, 0, 0, 0, limit)
        for account in wanted
        if stored[account.account_id] == account
        for currency, limit in account.overdrafts.items()
    )
    insert_rows(connection, balances, _BALANCE, limits, skip_existing=True)
    return [stored[account.account_id] for account in wanted]


def find_accounts(connection: Connection, account_ids: Collection[str]) -> dict[str, Account]:
    """Return the accounts that exist, by id."""
    query = select(accounts).where(is_any_of(connection, accounts.c.account_id, account_ids))
    return {row.account_id: _account(row) for row in connection.execute(query)}


def _account(row: Row[Any]) -> Account:
    return Account(
        row.account_id, row.merchant, row.kind, row.settlement_currency,
        json.loads(row.overdrafts), row.opened_at, row.opened_by,
    )  # fmt: skip


def _dump(overdrafts: Mapping[str, int]) -> str:
    return json.dumps(overdrafts, sort_keys=True)
