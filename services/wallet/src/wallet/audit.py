"""The running audit: sums the ledger up, and compares what it says twice."""

from collections import Counter
from collections.abc import Iterable
from itertools import islice

from sqlalchemy import Connection
from structlog.typing import FilteringBoundLogger

from kurs.data.database import Database
from kurs.kernel.clock import MICROS, Clock
from wallet.metrics import WalletMetrics
from wallet.store import reports
from wallet.verification import compare_sums, find_unlinked
from wallet.walk import ChainWalk, Finding

# No transaction stays open this long, so postings older than this are all visible.
_SETTLED_MICROS = 300 * MICROS
_STEPS = 25
"""How many pages of links, of 200 transfers each, a look compares: some 0.1 s of CPU, in parts."""
_MOST = 1_000
"""How many findings of a walk are kept."""
_LOGGED = 20


class Audit:
    """Looks at the ledger again and again; what it finds touched is counted and logged.

    Postings never change, so the sums of those older than five minutes are kept and only younger
    ones are read again. The first look reads the whole ledger, and so does one in every hour
    (`whole_seconds`): what never changes by the rules can still be changed by a restore, or by a
    hand on the database.
    That look also compares contents, balances and holds with the postings, each by one statement.
    Every look walks the hash chains a little further, and begins anew at their end; it remembers
    where they ended, so that a chain that was made anew, all its hashes right, is found, too.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: WalletMetrics,
        logger: FilteringBoundLogger,
        *,
        whole_seconds: float = 3_600.0,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._log = logger
        self._settled = 0
        self._settled_sums: Counter[str] = Counter()
        began = clock.now()
        self._whole_micros = round(whole_seconds * MICROS)
        self._whole_at = began - self._whole_micros
        self._compared: frozenset[Finding] = frozenset()
        self._walk = ChainWalk(database)
        self._walked: frozenset[Finding] = frozenset()
        self._walking: frozenset[Finding] = frozenset()
        # An audit that never succeeds must grow old too.
        metrics.audit_begins(began)

    async def run(self) -> dict[str, int]:
        """Return the sum per currency in minor units, and publish it."""
        now = self._clock.now()
        if now - self._whole_at >= self._whole_micros:
            self._settled, self._settled_sums = 0, Counter()
            self._report(await self._compare())
            self._whole_at = now
        sums = await self._database.read(lambda c: self._sum(c, now))
        positions = await self._database.read(reports.house_positions)
        holds = await self._database.read(reports.open_holds)
        overdrawn = await self._database.read(reports.customers_below_limit)
        self._report(await self._go_on())
        self._metrics.report_audit(now, sums, positions, holds, overdrawn)
        return sums

    async def _compare(self) -> frozenset[Finding]:
        """Compare the whole ledger; what was found an hour ago counts no more."""
        unlinked, findings = await find_unlinked(self._database, by_count=True)
        self._metrics.unlinked.set(unlinked)
        if unlinked:
            self._log.warning("transfers are not in the hash chain: seal them", count=unlinked)
        found = frozenset([*findings, *await compare_sums(self._database)])
        new, self._compared = found - self._compared, found
        return new

    async def _go_on(self) -> list[Finding]:
        """Walk a little further; what the last walk found counts until this one is over."""
        new: list[Finding] = []
        if self._walk.done:
            new += await self._begin_walk()
        for _ in range(_STEPS):
            if self._walk.done or len(self._walking) > _MOST:
                break
            new += await self._walk.step()
        known = self._walking | self._walked
        self._walking |= frozenset(new)
        return [finding for finding in new if finding not in known]

    async def _begin_walk(self) -> list[Finding]:
        ended = {(tip.chain, tip.sequence): tip.hash for tip in self._walk.tips if tip.sequence}
        self._walk = ChainWalk(self._database, ended)
        self._walked, self._walking = self._walking, frozenset()
        await self._walk.begin()
        return list(self._walk.lost())

    def _report(self, new: Iterable[Finding]) -> None:
        for finding in islice(new, _LOGGED):
            self._log.error("the ledger was touched", **finding._asdict())
        self._metrics.findings.set(len(self._compared | self._walked | self._walking))

    def _sum(self, connection: Connection, now: int) -> dict[str, int]:
        settled = reports.last_entry_before(connection, self._settled, now - _SETTLED_MICROS)
        older = Counter(reports.sums_between(connection, self._settled, settled))
        younger = reports.sums_between(connection, settled, None)
        self._settled_sums.update(older)
        self._settled = settled
        return {
            currency: self._settled_sums[currency] + younger.get(currency, 0)
            for currency in {*self._settled_sums, *younger}
        }
