"""Removes velocity buckets that no window reaches any more, a bounded number at a time."""

import asyncio
from contextlib import suppress
from functools import partial

from kurs.clock import MICROS, Clock
from kurs.database import Database
from kurs.telemetry import Telemetry
from risk.metrics import RiskMetrics
from risk.store import remove_expired

ROWS = 1_000
"""Rows per transaction, so that payments wait for milliseconds at most."""
ROUNDS = 20
"""Transactions per turn."""
_RETRY_SECONDS = 1.0


class Cleanup:
    """Takes a turn every `seconds`. Whether the last one worked says if the database is there."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        telemetry: Telemetry,
        metrics: RiskMetrics,
        seconds: float,
    ) -> None:
        self.healthy = False
        self._database = database
        self._clock = clock
        self._logger = telemetry.logger
        self._removed = metrics.removed_buckets
        self._seconds = seconds
        self._task: asyncio.Task[None] | None = None

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

    def start(self) -> None:
        """Take turns in the background from now on."""
        self._task = asyncio.create_task(self._run(), name="velocity cleanup")

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self.turn()
            except Exception as error:
                # Whatever it is, there is another turn: without any, readiness would be stuck.
                if self.healthy:
                    self._logger.warning(
                        "velocity cleanup failed", error=f"{type(error).__name__}: {error}"
                    )
                self.healthy = False
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self.healthy = True
                await asyncio.sleep(self._seconds)
