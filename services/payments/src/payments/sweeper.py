"""The sweeper: finishes what a crash or a timeout left, on any replica, each thing once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from kurs.clock import MICROS, Clock
from kurs.database import Database
from kurs.telemetry import Telemetry, carry_merchant, extract
from payments.domain.payment import Payment
from payments.metrics import PaymentMetrics
from payments.service import RUNNING, PaymentService
from payments.settings import PaymentsSettings
from payments.store import reads
from payments.store.writes import Started, take_over

_BATCH = 100
Item = TypeVar("Item")


class Sweeper:
    """Looks for leases and holds that ran out; what it leaves half done is taken over later."""

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
        self._tracer = telemetry.tracer
        self._clock = clock

    async def sweep(self) -> int:
        """Finish what is overdue; return how many operations were taken over."""
        now = self._clock.now()
        lease_until = now + round(self._settings.lease_seconds * MICROS)
        taken = await self._database.write(
            lambda c: take_over(c, now=now, lease_until=lease_until, limit=_BATCH)
        )
        await self._each(self._resume, taken)
        overdue = await self._database.read(lambda c: reads.overdue_holds(c, now, _BATCH))
        await self._each(self._expire, overdue)
        await self._report(now)
        return len(taken)

    async def _each(self, work: Callable[[Item], Awaitable[None]], items: Sequence[Item]) -> None:
        """Do `work` for all of `items`; one that fails leaves the others alone, and is logged."""
        results = await asyncio.gather(*map(work, items), return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                self._metrics.swept.labels("failed").inc()
                self._log.error("sweeping failed", exc_info=result)

    async def _resume(self, started: Started) -> None:
        trace = extract(started.operation.traceparent, started.payment.trace_id)
        with self._tracer.start_as_current_span("payments resume", trace):
            carry_merchant(started.payment.merchant)
            answer = await self._service.resume(started)
        result = "open" if answer.status == RUNNING else "finished"
        self._metrics.swept.labels(result).inc()

    async def _expire(self, payment: Payment) -> None:
        # Log lines name the trace that the payment began in; it is over, and gets no more spans.
        with self._tracer.start_as_current_span("payments expire", extract(None, payment.trace_id)):
            await self._service.expire(payment)

    async def _report(self, now: int) -> None:
        oldest = await self._database.read(reads.oldest_pending)
        self._metrics.oldest_pending.set(0 if oldest is None else max(0, now - oldest) / MICROS)
