"""Opens accounts and finds them. An account never changes once it is open."""

import json
from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, select

from kurs.data.bulk import insert_rows, is_any_of, upsert_rows
from kurs.kernel.accounts import bare, is_payee_id, new_payee_id, qualified
from wallet.store.tables import accounts, balances, openings, payees

_ACCOUNT = tuple(column.name for column in accounts.columns)
_BALANCE = tuple(column.name for column in balances.columns)
_PAYEE = ("payee_id", "account_id")


class Account(NamedTuple):
    """An account; `overdrafts` in minor units by currency, `opened_at` in microseconds.

    `account_id` is the ledger's own: `merchant/name`, the bare name where an earlier release opened
    it. `opened_by` is who asked, `merchant/key`; earlier releases stored none.
    """

    account_id: str
    merchant: str
    kind: str
    settlement_currency: str | None
    overdrafts: Mapping[str, int]
    opened_at: int
    opened_by: str | None = None

    @property
    def name(self) -> str:
        """How all name it: `merchant/name`, whichever release opened it."""
        return qualified(self.merchant, self.account_id)


class Opened(NamedTuple):
    """How many accounts a merchant has opened, in all and on one day."""

    whole: int
    today: int


def open_accounts(connection: Connection, wanted: Sequence[Account]) -> tuple[list[Account], int]:
    """Insert those that do not exist; return what is stored of each, and how many are new.

    The caller compares: an account that existed is returned as it is, perhaps under the bare id
    that an earlier release gave it. A merchant has each name once: an index holds all to it.
    """
    rows = [(*a[:4], _dump(a.overdrafts), a.opened_at, a.opened_by) for a in wanted]
    rows.sort(key=itemgetter(0))
    new = insert_rows(connection, accounts, _ACCOUNT, rows, skip_existing=True)
    stored = find_by_name(connection, {a.account_id for a in wanted})
    limits = sorted(
        (account.account_id, currency, 0, 0, 0, limit)
        for account in wanted
        if stored[account.account_id] == account
        for currency, limit in account.overdrafts.items()
    )
    insert_rows(connection, balances, _BALANCE, limits, skip_existing=True)
    return [stored[account.account_id] for account in wanted], new


def add_opened(connection: Connection, merchant: str, day: int, new: int) -> Opened:
    """Count `new` accounts on a day (since the epoch), and return all that were counted.

    Whoever opens accounts of the same merchant waits here until the commit.
    """
    upsert_rows(connection, openings, ("merchant", "day"), ("opened",), [(merchant, day, new)])
    return count_opened(connection, merchant, day, 0)


def count_opened(connection: Connection, merchant: str, day: int, more: int) -> Opened:
    """Return how many accounts would be counted with `more` on a day (since the epoch)."""
    today = func.sum(openings.c.opened).filter(openings.c.day == day)
    query = select(func.sum(openings.c.opened), today).where(openings.c.merchant == merchant)
    whole, of_day = connection.execute(query).one()
    return Opened(int(whole or 0) + more, int(of_day or 0) + more)


def give_payee_ids(connection: Connection, account_ids: Collection[str]) -> dict[str, str]:
    """Return the payee id of each account; one that an earlier release opened gets its first."""
    known = payee_ids(connection, account_ids)
    missing = sorted(set(account_ids) - known.keys())
    if not missing:
        return known
    rows = [(new_payee_id(), account_id) for account_id in missing]
    insert_rows(connection, payees, _PAYEE, rows, skip_existing=True)
    # Read again: another process may have been first.
    return known | payee_ids(connection, missing)


def find_by_name(connection: Connection, names: Collection[str]) -> dict[str, Account]:
    """Return the accounts that exist, by what they were asked for.

    A name is `merchant/name`, a payee id, or the ledger's own id of an account.
    """
    stands_for = _accounts_of(connection, [name for name in names if is_payee_id(name)])
    wanted = {stands_for.get(name, name) for name in names} | {bare(name) for name in names}
    query = select(accounts).where(is_any_of(connection, accounts.c.account_id, wanted))
    stored = {row.account_id: read_account(row) for row in connection.execute(query)}
    found = {}
    for name in names:
        account = stored.get(stands_for.get(name, name)) or stored.get(bare(name))
        if account is not None and ("/" not in name or account.name == name):
            found[name] = account
    return found


def payee_ids(connection: Connection, account_ids: Collection[str]) -> dict[str, str]:
    """Return the payee ids of those accounts that have one, by account."""
    query = select(payees).where(is_any_of(connection, payees.c.account_id, account_ids))
    return {row.account_id: row.payee_id for row in connection.execute(query)}


def _accounts_of(connection: Connection, payee_ids: Collection[str]) -> dict[str, str]:
    if not payee_ids:
        return {}
    query = select(payees).where(is_any_of(connection, payees.c.payee_id, payee_ids))
    return {row.payee_id: row.account_id for row in connection.execute(query)}


def read_account(row: Row[Any]) -> Account:
    """Return the account of a row of `accounts`."""
    return Account(
        row.account_id, row.merchant, row.kind, row.settlement_currency,
        json.loads(row.overdrafts), row.opened_at, row.opened_by,
    )  # fmt: skip


def _dump(overdrafts: Mapping[str, int]) -> str:
    return json.dumps(overdrafts, sort_keys=True)
