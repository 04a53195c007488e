"""The running audit: sums the ledger up, and compares what it says twice."""

from collections.abc import Iterable
from itertools import islice

from structlog.typing import FilteringBoundLogger

from kurs.data.database import Database
from kurs.data.limits import WHOLE_SECONDS
from kurs.kernel.clock import MICROS, Clock
from wallet.archive_proof import ArchiveProof
from wallet.comparison import PAGE, Comparison, compared_before
from wallet.domain.tally import Tally
from wallet.metrics import WalletMetrics
from wallet.store import reports
from wallet.store.archives import archives_end
from wallet.sums import LedgerSums
from wallet.walk import ChainWalk, Finding

_PAGE = 200
_POSTINGS = 5
"""How many postings a look compares for each transfer that it does: a conversion has five."""
_MOST = 1_000
"""How many findings of a walk are kept."""
_LOGGED = 20


class Audit:
    """Looks at the ledger again and again; what it finds touched is counted and logged.

    A look compares at most so many `transfers`, whatever the size of the ledger. Every look walks
    the hash chains a little further, and begins anew at their end; it remembers where they ended,
    so that a chain that was made anew, all its hashes right, is found, too. Once in every hour
    (`whole_seconds`), or when the one before is over, a pass begins that compares contents,
    balances and holds with the postings (wallet/comparison.py). Sums go on from a checkpoint,
    which is proven anew as often.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        metrics: WalletMetrics,
        logger: FilteringBoundLogger,
        *,
        whole_seconds: float = 3_600.0,
        transfers: int = 5_000,
    ) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._log = logger
        began = clock.now()
        self._whole_micros = round(whole_seconds * MICROS)
        self._whole_at = began - self._whole_micros
        self._sums = LedgerSums(database, whole_micros=self._whole_micros)
        self._archives = ArchiveProof()
        self._unkept: frozenset[Finding] = frozenset()
        self._unproven: frozenset[Finding] = frozenset()
        self._compared: frozenset[Finding] = frozenset()
        self._steps = -(-transfers // _PAGE)
        self._slices = -(-transfers * _POSTINGS // PAGE)
        self._walk = ChainWalk(database)
        self._comparison: Comparison | None = None
        self._walked: frozenset[Finding] = frozenset()
        self._walking: frozenset[Finding] = frozenset()
        # An audit that never succeeds must grow old too.
        metrics.audit_begins(began)

    async def run(self) -> dict[str, int]:
        """Return the sum per currency in minor units, and publish it."""
        now = self._clock.now()
        await self._prove(now)
        sums = await self._sums.now()
        positions = await self._database.read(reports.house_positions, seconds=WHOLE_SECONDS)
        holds = await self._database.read(reports.open_holds, seconds=WHOLE_SECONDS)
        overdrawn = await self._database.read(reports.customers_below_limit, seconds=WHOLE_SECONDS)
        self._report(await self._go_on(now))
        self._report(await self._compare(now))
        self._metrics.report_audit(now, sums, positions, holds, overdrawn)
        return sums

    async def _prove(self, now: int) -> None:
        kept = await self._database.read(self._archives.step, seconds=WHOLE_SECONDS)
        known, self._unkept = self._unkept, frozenset(kept)
        self._report(self._unkept - known)
        await self._sums.settle(now)
        found = await self._sums.prove(now)
        if found is not None:
            self._unproven = frozenset(found)
            self._report(found)

    async def _compare(self, now: int) -> frozenset[Finding]:
        """Compare a part; what the last pass found counts until this one is over."""
        comparison = self._comparison
        if comparison is None:
            return frozenset()
        over = await comparison.go_on(now, self._slices)
        found = frozenset(comparison.findings)
        new = found - self._compared
        self._compared = found if over else self._compared | found
        if over:
            self._comparison = None
            self._metrics.unlinked.set(comparison.unlinked)
            if comparison.unlinked:
                count = comparison.unlinked
                self._log.warning("transfers are not in the hash chain: seal them", count=count)
        return new

    async def _go_on(self, now: int) -> list[Finding]:
        """Walk a little further; what the last walk found counts until this one is over."""
        new: list[Finding] = []
        if self._walk.done:
            new += await self._begin_walk(now)
        for _ in range(self._steps):
            if self._walk.done:
                break
            new += await self._walk.step()
        known = self._walking | self._walked
        room = max(0, _MOST - len(self._walking))
        self._walking |= frozenset(islice(new, room))
        return [finding for finding in new if finding not in known]

    async def _begin_walk(self, now: int) -> list[Finding]:
        ended = {(tip.chain, tip.sequence): tip.hash for tip in self._walk.tips if tip.sequence}
        self._walk = ChainWalk(self._database, ended, page=_PAGE)
        due = self._comparison is None and now - self._whole_at >= self._whole_micros
        archived = await self._database.read(archives_end)
        asked = Tally(compared_before(now), since=archived.whole_before)
        self._walk.asked = asked if due else None
        self._walked, self._walking = self._walking, frozenset()
        await self._walk.begin()
        if due:
            self._comparison = Comparison(self._database, self._walk, asked)
            self._whole_at = now
        return list(self._walk.lost())

    def _report(self, new: Iterable[Finding]) -> None:
        for finding in islice(new, _LOGGED):
            self._log.error("the ledger was touched", **finding._asdict())
        found = self._unkept | self._unproven | self._compared | self._walked | self._walking
        self._metrics.findings.set(len(found))
