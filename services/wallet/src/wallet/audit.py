"""The running audit: sums the ledger up, and compares what it says twice."""

from collections.abc import Iterable
from itertools import islice

from structlog.typing import FilteringBoundLogger

from kurs.data.database import Database
from kurs.data.limits import WHOLE_SECONDS
from kurs.kernel.clock import MICROS, Clock
from wallet.metrics import WalletMetrics
from wallet.store import reports
from wallet.sums import LedgerSums
from wallet.verification import compare_sums, find_unlinked
from wallet.walk import ChainWalk, Finding

_STEPS = 25
"""How many pages of links, of 200 transfers each, a look compares: some 0.1 s of CPU, in parts."""
_MOST = 1_000
"""How many findings of a walk are kept."""
_LOGGED = 20


class Audit:
    """Looks at the ledger again and again; what it finds touched is counted and logged.

    Sums go on from a checkpoint, which is proven anew once in every hour (`whole_seconds`). That
    look also compares contents, balances and holds with the postings, each by one statement.
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
        began = clock.now()
        self._whole_micros = round(whole_seconds * MICROS)
        self._whole_at = began - self._whole_micros
        self._sums = LedgerSums(database, whole_micros=self._whole_micros)
        self._unproven: frozenset[Finding] = frozenset()
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
            self._report(await self._compare())
            self._whole_at = now
        await self._prove(now)
        sums = await self._sums.now()
        positions = await self._database.read(reports.house_positions, seconds=WHOLE_SECONDS)
        holds = await self._database.read(reports.open_holds, seconds=WHOLE_SECONDS)
        overdrawn = await self._database.read(reports.customers_below_limit, seconds=WHOLE_SECONDS)
        self._report(await self._go_on())
        self._metrics.report_audit(now, sums, positions, holds, overdrawn)
        return sums

    async def _prove(self, now: int) -> None:
        await self._sums.settle(now)
        found = await self._sums.prove(now)
        if found is not None:
            self._unproven = frozenset(found)
            self._report(found)

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
        self._metrics.findings.set(
            len(self._unproven | self._compared | self._walked | self._walking)
        )
