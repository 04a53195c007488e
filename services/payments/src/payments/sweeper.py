"""The sweeper: finishes what a crash or a timeout left, on any replica, each thing once."""

import asyncio

from kurs.clock import MICROS, Clock
from kurs.database import Database
from payments.metrics import PaymentMetrics
from payments.service import RUNNING, PaymentService
from payments.settings import PaymentsSettings
from payments.store import reads
from payments.store.writes import Started, take_over

_BATCH = 100


class Sweeper:
    """Looks for leases and holds that ran out; what it leaves half done is taken over later."""

    def __init__(
        self,
        *,
        service: PaymentService,
        database: Database,
        settings: PaymentsSettings,
        metrics: PaymentMetrics,
        clock: Clock,
    ) -> None:
        self._service = service
        self._database = database
        self._settings = settings
        self._metrics = metrics
        self._clock = clock

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
