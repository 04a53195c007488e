"""The sweeper: finishes what a crash or a timeout left, on any replica, each thing once."""

import asyncio
import contextlib

from kurs.clock import MICROS, Clock
from kurs.database import Database
from kurs.errors import Problem
from kurs.telemetry import Telemetry
from payments.metrics import PaymentMetrics
from payments.service import RUNNING, PaymentService
from payments.settings import PaymentsSettings
from payments.store import reads
from payments.store.writes import Started, take_over

_BATCH = 100


class Sweeper:
    """Looks every `sweep_seconds` for leases and holds that ran out."""

    def __init__(
        self,
        *,
        service: PaymentService,
        database: Database,
        settings: PaymentsSettings,
        metrics: PaymentMetrics,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._service = service
        self._database = database
        self._settings = settings
        self._metrics = metrics
        self._log = telemetry.logger
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin sweeping in the background."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop; what it was driving keeps its lease and is taken over later."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def sweep(self) -> int:
        """Finish what is overdue; return how many operations were taken over."""
        now = self._clock.now()
        lease_until = now + round(self._settings.lease_seconds * MICROS)
        taken = await self._database.write(
            lambda c: take_over(c, now=now, lease_until=lease_until, limit=_BATCH)
        )
        await asyncio.gather(*(self._resume(started) for started in taken))
        overdue = await self._database.read(lambda c: reads.overdue_holds(c, now, _BATCH))
        await asyncio.gather(*(self._service.expire(payment) for payment in overdue))
        await self._report(now)
        return len(taken)

    async def _resume(self, started: Started) -> None:
        answer = await self._service.resume(started)
        result = "open" if answer.status == RUNNING else "finished"
        self._metrics.swept.labels(result).inc()

    async def _report(self, now: int) -> None:
        oldest = await self._database.read(reads.oldest_pending)
        self._metrics.oldest_pending.set(0 if oldest is None else max(0, now - oldest) / MICROS)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.sweep_seconds)
            try:
                await self.sweep()
            except Problem as problem:
                self._log.warning("sweep failed", why=problem.detail)
            except Exception as error:
                self._log.error("sweep failed", exc_info=error)
