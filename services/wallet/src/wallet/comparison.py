"""Compares everything that the ledger says twice, a slice at each look: the work of a look is
bounded whatever the size of the ledger, and only the time until all was compared grows.

One pass goes through all postings in the order of their accounts. Where an account ends, its
balance must be the sum of its postings, both of one moment. What all of them together are must be
what contents asked for, which the walk along the hash chains counts meanwhile (domain/tally.py);
and no more transfers may be stored than links list. Only when one of these differs does a statement
over the whole ledger name what it is.

What was archived is no posting any more, but a sum that counts where an account begins, and is
proven by itself (wallet/archive_proof.py). Where one is made meanwhile, the pass begins anew.

What is younger than ten minutes is left to the next pass: it may not be visible yet. What says
that it is of a time to come would be left to a pass that never comes: it is searched for at once.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import islice, takewhile
from typing import NamedTuple

from kurs.data.database import Database
from kurs.data.limits import WHOLE_SECONDS
from kurs.kernel.clock import MICROS
from wallet.domain.archives import StoredPosting
from wallet.domain.tally import Tally
from wallet.store.archives import Ended, archives_end, late_since
from wallet.store.chain import is_sealed
from wallet.store.slices import (
    FIRST_ENTRY,
    LAST_ENTRY,
    Entry,
    Slice,
    count_transfers_after,
    ledger_slice,
    rest_off,
)
from wallet.verification import balance_off, compare_contents, compare_holds, list_unlinked
from wallet.walk import ChainWalk, Finding

# No transaction stays open this long, so what is older is all visible; see wallet/sums.py.
_SETTLED_MICROS = 300 * MICROS
PAGE = 500
"""How many postings, and transfers, a slice has at most."""
_MOST = 1_000
"""How many findings of a pass are kept."""


def compared_before(now: int) -> int:
    """Return up to which moment a pass that begins now compares; both in microseconds.

    Twice what it takes to settle: so no posting of before comes after one that has not settled.
    """
    return now - 2 * _SETTLED_MICROS


class _Place(NamedTuple):
    """Behind which posting the pass stands, and what the account's postings up to it sum to.

    `carried` is None where the account was compared already.
    """

    account_id: str
    entry_id: int
    carried: Counter[str] | None


class Comparison:
    """One pass, beside the walk that counts what was asked for: the walk's tally.

    `unlinked` is, at the end, how many transfers
    are from before there were links.
    """

    def __init__(self, database: Database, walk: ChainWalk, asked: Tally) -> None:
        self.findings: list[Finding] = []
        self.unlinked = 0
        self._database = database
        self._walk = walk
        self._asked = asked
        self._latest = 0
        self._ended: Ended | None = None

    def _begin(self, ended: Ended) -> None:
        self._ended = ended
        self._booked = self._asked.other()
        self._place = _Place("", FIRST_ENTRY, Counter())
        self._accounts_done = False
        self._last_transfer: str | None = ""

    async def go_on(self, now: int, slices: int) -> bool:
        """Compare so many slices more at `now` (microseconds); tell whether the pass is over."""
        if self._ended is None:
            self._begin(await self._database.read(archives_end))
        for _ in range(slices):
            if not self._accounts_done:
                await self._compare_accounts(now)
            if self._last_transfer is not None:
                await self._count_transfers(self._last_transfer)
        if not self._accounts_done or self._last_transfer is not None or not self._walk.done:
            return False
        await self._conclude(now)
        return True

    async def _compare_accounts(self, now: int) -> None:
        place = self._place
        # What has not ended later than the slice was read had not ended when it was.
        found, ended = await self._database.read(
            lambda c: (ledger_slice(c, place.account_id, place.entry_id, PAGE), archives_end(c)),
            seconds=WHOLE_SECONDS,
        )
        if ended != self._ended:
            self._begin(ended)
            return
        if len(found.postings) < PAGE:
            self._close(found, None)
            self._accounts_done = True
            return
        account_id = found.postings[-1].account_id
        if account_id != place.account_id:
            self._close(found, account_id)
            self._place = _Place(account_id, FIRST_ENTRY, Counter())
        begun = [entry for entry in found.postings if entry.account_id == account_id]
        settled = list(takewhile(lambda e: e.created_at < now - _SETTLED_MICROS, begun))
        if settled:
            self._carry(settled)
        elif account_id == place.account_id:
            await self._close_young(place)

    def _carry(self, entries: list[Entry]) -> None:
        """Count a part of an account, and stand behind it."""
        carried = Counter(self._place.carried)
        for entry in entries:
            carried[entry.currency] += entry.amount
        self._book(entries)
        self._place = _Place(entries[-1].account_id, entries[-1].entry_id, carried)

    def _close(self, found: Slice, until: str | None) -> None:
        """Compare the accounts before `until`, of which a slice has the rest."""
        place = self._place
        carried = place.carried or Counter()
        off = Counter({(place.account_id, c): -total for c, total in carried.items()})
        postings = [e for e in found.postings if until is None or e.account_id < until]
        for entry in postings:
            off[entry.account_id, entry.currency] -= entry.amount
        for entry in found.balances:
            compared = place.carried is None and entry.account_id == place.account_id
            if not compared and (until is None or entry.account_id < until):
                off[entry.account_id, entry.currency] += entry.amount
        self._book(postings)
        self._find(balance_off(*key, minor) for key, minor in off.items() if minor)

    async def _close_young(self, place: _Place) -> None:
        """Compare an account of which a slice has nothing that settled: all the rest of it."""
        found, ended = await self._database.read(
            lambda c: (rest_off(c, place.account_id, place.entry_id), archives_end(c)),
            seconds=WHOLE_SECONDS,
        )
        if ended != self._ended:
            self._begin(ended)
            return
        off = Counter(found)
        off.subtract(place.carried or Counter())
        self._find(balance_off(place.account_id, c, minor) for c, minor in off.items() if minor)
        self._place = _Place(place.account_id, LAST_ENTRY, None)

    async def _count_transfers(self, after: str) -> None:
        before = self._booked.before
        self._last_transfer, count, youngest = await self._database.read(
            lambda c: count_transfers_after(c, after, before, PAGE), seconds=WHOLE_SECONDS
        )
        self._booked.transfers += count
        self._latest = max(self._latest, youngest)

    def _book(self, entries: Iterable[Entry | StoredPosting]) -> None:
        for e in entries:
            self._latest = max(self._latest, e.created_at)
            self._booked.book(e.transfer_id, e.account_id, e.currency, e.amount, e.created_at)

    def _find(self, findings: Iterable[Finding]) -> None:
        self.findings += islice(findings, max(0, _MOST - len(self.findings)))

    async def _conclude(self, now: int) -> None:
        """Name what differs, where anything does."""
        sealed, late = await self._database.read(
            lambda c: (is_sealed(c), late_since(c, archives_end(c).whole_before))
        )
        self._book(late)
        to_come = self._latest > now + _SETTLED_MICROS
        missing = self._booked.transfers - self._asked.transfers
        if not sealed:
            self.unlinked = missing
        elif missing > 0 or to_come:
            self._find(await list_unlinked(self._database))
        # What was made before there were links, the walk has not counted.
        if not sealed or to_come or self._booked.legs != self._asked.legs:
            self._find(await compare_contents(self._database))
        self._find(await compare_holds(self._database))
