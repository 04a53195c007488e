"""Loads what a batch of transfers touches, and saves what it changed.

Every batch makes the same few statements whatever its size. The order in which rows are locked is
the same in every process: balances by key, then originals of reversals, then new transfers by id,
then new balances by key, then the tip of the stripe's chain. So two processes on one PostgreSQL
wait for each other but do not cross.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection

from kurs.data.bulk import Write, fetch, inserting, updating, write_all
from kurs.data.failures import RetryTransaction
from wallet.domain.transfers import Record, Transfer
from wallet.domain.view import Balance, Changes, Hold, HoldState, Key, View, is_house
from wallet.store import tables
from wallet.store.chain import linking
from wallet.store.statements import fetch_balances, statements

_RECORD = tuple(column.name for column in tables.transfers.columns)
_POSTING = ("transfer_id", "account_id", "currency", "amount", "created_at")
_HOLD = tuple(column.name for column in tables.holds.columns)
_STATES = {state.value: state for state in HoldState}
_BALANCE_KEY = ("account_id", "currency", "stripe")
_BALANCE = (*_BALANCE_KEY, "posted", "held", "overdraft")


def load(connection: Connection, transfers: Sequence[Transfer], stripe: int) -> View:
    """Return the view of `transfers`; the balances in it stay locked until the commit.

    `stripe` is this process's own row of each account of the house.
    """
    view = View()
    hold_ids = {t.hold_id for t in transfers if t.hold_id is not None}
    _load_balances(connection, view, _keys(transfers), hold_ids, stripe)
    _load_records(connection, view, transfers)
    if hold_ids:
        for row in fetch(connection, statements(connection).holds, hold_ids):
            hold = Hold(*row)
            hold.state = _STATES.get(hold.state, hold.state)
            view.holds[hold.hold_id] = hold
    originals = {t.reverses for t in transfers if t.reverses is not None}
    if originals:
        _load_reversals(connection, view, originals)
    return view


def save(connection: Connection, changes: Changes, created_at: int, stripe: int) -> None:
    """Store what a batch changed.

    Raises RetryTransaction when another process stored one of the ids, one of the quotes, or one
    of the new balances since `load`.
    """
    records = sorted(changes.transfers)
    rows = [(transfer_id, *posting, created_at) for transfer_id, posting in changes.postings]
    new, old = _balance_rows(changes.touched, stripe)
    unique = (
        inserting(connection, tables.transfers, _RECORD, records, skip_existing=True),
        inserting(connection, tables.balances, _BALANCE, new, skip_existing=True),
    )
    others = [
        inserting(connection, tables.postings, _POSTING, rows),
        updating(connection, tables.balances, _BALANCE_KEY, ("posted", "held"), old),
        *_hold_writes(connection, changes),
    ]
    if records:
        others += linking(connection, stripe, records, created_at)
    writes = [*unique, *others]
    stored = write_all(connection, writes)
    if stored[:2] != [len(records), len(new)]:
        raise RetryTransaction("another process inserted one of the transfers or balances")
    if stored != [len(w.rows) for w in writes]:
        raise LookupError("a balance, a hold or a chain that was to be there is not")


def _keys(transfers: Iterable[Transfer]) -> set[Key]:
    keys: set[Key] = set()
    for transfer in transfers:
        keys.update([(account, currency) for account, currency, _ in transfer.postings])
        if transfer.hold is not None:
            keys.add(transfer.hold[:2])
    return keys


def _load_balances(
    connection: Connection, view: View, keys: set[Key], hold_ids: set[str], stripe: int
) -> None:
    wanted = [(account, currency, stripe if is_house(account) else 0) for account, currency in keys]
    balances = view.balances
    for row in fetch_balances(connection, wanted, hold_ids):
        account_id, currency, posted, held, overdraft, merchant = row
        balances[account_id, currency] = Balance(
            account_id, currency, merchant, posted=posted, held=held, overdraft=overdraft
        )
    missing = keys - balances.keys()
    if missing:
        _add_unused_balances(connection, view, missing)


def _add_unused_balances(connection: Connection, view: View, keys: set[Key]) -> None:
    """Add zero balances of accounts that exist and have not yet held the currency."""
    wanted = {account for account, _ in keys}
    merchants = dict(tuple(r) for r in fetch(connection, statements(connection).accounts, wanted))
    for account, currency in keys:
        if account in merchants:
            view.balances[account, currency] = Balance(
                account, currency, merchants[account],
                overdraft=None if is_house(account) else 0, stored=False,
            )  # fmt: skip


def _load_records(connection: Connection, view: View, transfers: Sequence[Transfer]) -> None:
    ids = {t.transfer_id for t in transfers}
    ids.update(t.reverses for t in transfers if t.reverses is not None)
    # A capture by a quote is compared with what its hold was made by.
    ids.update(t.hold_id for t in transfers if t.hold_id is not None and t.quote is not None)
    quotes = {t.quote_id for t in transfers if t.quote_id is not None}
    for row in fetch(connection, statements(connection).known_transfers, ids, quotes):
        record = Record(*row)
        view.transfers[record.transfer_id] = record
        if record.quote_id is not None:
            view.used_quotes.add(record.quote_id)


def _load_reversals(connection: Connection, view: View, originals: set[str]) -> None:
    lock = statements(connection).lock_transfers
    if lock:
        # Two reversals of one original may share no customer's balance, so its name is the lock.
        fetch(connection, lock, originals)
    for row in fetch(connection, statements(connection).reversals, originals):
        record = Record(*row)
        view.reversals.setdefault(record.reverses or "", []).append(record)


def _balance_rows(
    touched: Iterable[Balance], stripe: int
) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return the rows of new balances in the order of their keys, and what changes of others."""
    new: list[tuple[str, str, int, int, int, int | None]] = []
    old: list[tuple[str, str, int, int, int]] = []
    for b in touched:
        own = stripe if b.overdraft is None else 0
        if b.stored:
            old.append((b.account_id, b.currency, own, b.posted, b.held))
        else:
            new.append((b.account_id, b.currency, own, b.posted, b.held, b.overdraft))
    return sorted(new, key=itemgetter(0, 1)), old


def _hold_writes(connection: Connection, changes: Changes) -> list[Write]:
    opened = [
        (h.hold_id, h.merchant, h.account_id, h.currency, h.amount, str(h.state), h.expires_at,
         h.closed_by)
        for h in changes.opened_holds
    ]  # fmt: skip
    new = {h.hold_id for h in changes.opened_holds}
    closed = [
        (h.hold_id, str(h.state), h.closed_by) for h in changes.closed_holds if h.hold_id not in new
    ]
    return [
        inserting(connection, tables.holds, _HOLD, opened, skip_existing=True),
        updating(connection, tables.holds, ("hold_id",), ("state", "closed_by"), closed),
    ]
