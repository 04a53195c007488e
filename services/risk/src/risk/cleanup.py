"""Removes velocity buckets that no window reaches any more, a bounded number at a time."""

from functools import partial

from kurs.data.database import Database
from kurs.kernel.clock import MICROS, Clock
from risk.metrics import RiskMetrics
from risk.store import remove_expired

ROWS = 1_000
"""Rows per transaction, so that payments wait for milliseconds at most."""
ROUNDS = 20
"""Transactions per turn."""


class Cleanup:
    """Removes what has expired."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        metrics: RiskMetrics,
    ) -> None:
        self._database = database
        self._clock = clock
        self._removed = metrics.removed_buckets

    async def turn(self) -> int:
        """Remove what has expired, at most ROUNDS times ROWS; return how much it was."""
        work = partial(remove_expired, now_seconds=self._clock.now() // MICROS, at_most=ROWS)
        total = 0
        for _ in range(ROUNDS):
            removed = await self._database.write(work)
            total += removed
            self._removed.inc(removed)
            if removed < ROWS:
                break
        return total
