"""The use cases that list: a merchant's accounts, the entries of one, and its statement."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from kurs.data.database import Work
from kurs.data.long_reads import LongReads
from kurs.kernel.accounts import bare, shown
from kurs.kernel.caller import Caller
from kurs.kernel.clock import MICROS
from wallet.service import WalletService
from wallet.store import lists
from wallet.store.accounts import Account, payee_ids
from wallet.store.archives import archived_before
from wallet.store.places import place_of, posted_before
from wallet.store.reports import Position

_EXPORTED_AT_ONCE = 500
# Entries are numbered as they are committed; clocks of replicas differ by less.
_OUT_OF_ORDER = 300 * MICROS


_Read = Callable[[Work[lists.Entries]], Awaitable[lists.Entries]]


class Listed(NamedTuple):
    """An account with its public payee id and what it holds."""

    account: Account
    payee_id: str | None
    positions: Sequence[Position]


class Line(NamedTuple):
    """An entry, what the account had after it (minor units), and who else it was between.

    `balance` is None where it is not known: of the house, and behind cursors of earlier releases.
    """

    entry: lists.Entry
    balance: int | None
    other_party: str | None


class Behind(NamedTuple):
    """Where a page of entries ends: its last entry, and what the account had before that."""

    entry_id: int
    posted: Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class AccountReads:
    """What the routes that list accounts and entries call."""

    wallet: WalletService
    long_reads: LongReads

    async def accounts(
        self, caller: Caller, *, prefix: str, after: str | None, limit: int
    ) -> tuple[list[Listed], str | None]:
        """Return a page of the merchant's accounts, and the name that it ends with (None: all)."""
        database, merchant = self.wallet.database, caller.merchant
        found = await database.read(
            lambda c: lists.list_accounts(c, merchant, prefix=prefix, after=after, limit=limit + 1)
        )
        page = found[:limit]
        ids = [account.account_id for account in page]
        held = await database.read(lambda c: lists.positions_of(c, ids))
        public = await database.read(lambda c: payee_ids(c, ids))
        listed = [Listed(a, public.get(a.account_id), held.get(a.account_id, ())) for a in page]
        return listed, bare(page[-1].account_id) if len(found) > limit else None

    async def entries(
        self, caller: Caller, account_id: str, *, after: Behind | None, limit: int
    ) -> tuple[list[Line], Behind | None]:
        """Return a page of entries, newest first, and where it ends; raises AccountNotFound."""
        account = await self.wallet.account(caller, account_id)
        return await self._page(caller, account, after, limit, read=self.wallet.database.read)

    async def archived_before(self, caller: Caller, account_id: str) -> int | None:
        """Return about when the newest of its entries was made that is archived; None for none.

        In microseconds. Raises AccountNotFound.
        """
        account = await self.wallet.account(caller, account_id)
        stored = account.account_id
        return await self.wallet.database.read(lambda c: archived_before(c, stored))

    async def statement(
        self, caller: Caller, account_id: str, since: int | None, until: int | None
    ) -> AsyncIterator[Sequence[Line]]:
        """Return the entries of a period (microseconds), newest first, some at a time.

        Raises AccountNotFound at once, and Overloaded when too many are under way.
        """
        account = await self.wallet.account(caller, account_id)
        start = await self.long_reads.begin(lambda c: _start(c, account, until))
        return self._statement(caller, account, start, since or 0, until or 2**63)

    async def _statement(
        self, caller: Caller, account: Account, behind: Behind | None, since: int, until: int
    ) -> AsyncIterator[Sequence[Line]]:
        while True:
            page, behind = await self._page(
                caller, account, behind, _EXPORTED_AT_ONCE, read=self.long_reads.go_on
            )
            yield [line for line in page if since <= line.entry.created_at < until]
            if behind is None or page[-1].entry.created_at < since - _OUT_OF_ORDER:
                return

    async def _page(
        self, caller: Caller, account: Account, after: Behind | None, limit: int, *, read: _Read
    ) -> tuple[list[Line], Behind | None]:
        stored = account.account_id
        found = await read(
            lambda c: lists.entries(
                c,
                stored,
                before=after and after.entry_id,
                limit=limit + 1,
                posted=after is None and account.kind != "house",
            )
        )
        posted = found.posted if after is None else after.posted
        page = found.items[:limit]
        left = None if posted is None else dict(posted)
        names = await self._names(caller, stored, page)
        lines = []
        for entry in page:
            balance = None if left is None else left.get(entry.currency)
            if left is not None and balance is not None:
                left[entry.currency] = balance - entry.amount
            lines.append(Line(entry, balance, _other(entry, stored, names)))
        more = len(found.items) > limit
        return lines, Behind(page[-1].entry_id, left) if more else None

    async def _names(
        self, caller: Caller, own: str, page: Sequence[lists.Entry]
    ) -> Mapping[str, str | None]:
        """Return what the caller may know each party by: the own ones by name, others in public."""
        ids = list({party for entry in page for party in entry.parties if party != own})
        known = await self.wallet.directory.find([(each,) for each in ids])
        parties = [a for a in known if a is not None and a.kind != "house"]
        others = [a.account_id for a in parties if a.merchant != caller.merchant]
        public = await self.wallet.database.read(lambda c: payee_ids(c, others)) if others else {}

        def name(account: Account) -> str | None:
            if caller.sees_all:
                return shown(caller.merchant, account.name)
            if account.merchant == caller.merchant:
                return bare(account.account_id)
            return public.get(account.account_id)

        return {account.account_id: name(account) for account in parties}


def _start(connection: Connection, account: Account, until: int | None) -> Behind | None:
    """Return where a statement that ends at `until` begins; None where the newest entry is."""
    if until is None:
        return None
    place = place_of(connection, account.account_id, until + _OUT_OF_ORDER)
    if place is None:
        return None
    house = account.kind == "house"
    return Behind(place, None if house else posted_before(connection, account.account_id, place))


def _other(entry: lists.Entry, own: str, names: Mapping[str, str | None]) -> str | None:
    return next((names[p] for p in entry.parties if p != own and p in names), None)
