"""The sweeper: finishes what a crash or a timeout left, on any replica, each thing once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from kurs.data.database import Database
from kurs.kernel.clock import MICROS, Clock
from kurs.telemetry import Telemetry, carry_merchant, extract
from payments.clients import Unanswered, Unusable
from payments.domain.beginning import Started
from payments.domain.identity import named, operation_id
from payments.domain.moves import Kind
from payments.domain.payment import Payment
from payments.exposure import Exposure
from payments.metrics import PaymentMetrics
from payments.service import PaymentService
from payments.settings import PaymentsSettings
from payments.store import leases, reads

_BATCH = 100
_HINT = "`python -m payments resume` takes it up again once the cause is gone"
Item = TypeVar("Item")
Result = TypeVar("Result")


class Sweeper:
    """Looks for leases and holds that ran out; what it leaves half done is taken over later."""

    def __init__(
        self,
        *,
        service: PaymentService,
        database: Database,
        exposure: Exposure,
        settings: PaymentsSettings,
        metrics: PaymentMetrics,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._service = service
        self._database = database
        self._exposure = exposure
        self._settings = settings
        self._metrics = metrics
        self._log = telemetry.logger
        self._tracer = telemetry.tracer
        self._clock = clock

    async def sweep(self) -> int:
        """Finish what is overdue; return how many operations were taken over."""
        now = self._clock.now()
        taken = await self._database.write(lambda c: leases.take_over(c, self._terms(now)))
        for name in taken.set_aside:
            self._log.error("operation set aside", **named(name), hint=_HINT)
        started = {each.operation.operation_id: each for each in taken.started}
        results = await self._each(self._resume, started)
        # Another service that did not answer says nothing against the operation.
        excused = [
            name
            for name, result in zip(started, results, strict=True)
            if isinstance(result, Unanswered) and not isinstance(result, Unusable)
        ]
        if excused:
            await self._database.write(lambda c: leases.excuse(c, excused))
        overdue = await self._database.read(lambda c: reads.overdue_holds(c, now, _BATCH))
        await self._each(self._expire, {operation_id(Kind.EXPIRE, p): p for p in overdue})
        await self._report(now)
        return len(taken.started)

    def _terms(self, now: int) -> leases.Terms:
        settings = self._settings
        return leases.Terms(
            now=now,
            lease_until=now + round(settings.lease_seconds * MICROS),
            rest_until=now + round(settings.set_aside_seconds * MICROS),
            most_failures=settings.set_aside_attempts,
            limit=_BATCH,
        )

    async def _each(
        self, work: Callable[[Item], Awaitable[Result]], items: Mapping[str, Item]
    ) -> list[Result | BaseException]:
        """Do `work` for all of `items`; one that fails leaves the others alone, and is logged.

        `items` are by the id of an operation on their payment.
        """
        results = await asyncio.gather(*map(work, items.values()), return_exceptions=True)
        for name, result in zip(items, results, strict=True):
            if isinstance(result, Exception) and not isinstance(result, Unanswered):
                self._metrics.swept.labels("failed").inc()
                self._log.error("sweeping failed", **named(name), exc_info=result)
        return results

    async def _resume(self, started: Started) -> Unanswered | None:
        """Drive an operation; return why it is still open."""
        trace = extract(started.operation.traceparent, started.payment.trace_id)
        with self._tracer.start_as_current_span("payments resume", trace):
            carry_merchant(started.payment.merchant)
            try:
                await self._service.resume(started)
            except Unanswered as error:
                self._metrics.swept.labels("open").inc()
                return error
        self._metrics.swept.labels("finished").inc()
        return None

    async def _expire(self, payment: Payment) -> None:
        # Log lines name the trace that the payment began in; it is over, and gets no more spans.
        with self._tracer.start_as_current_span("payments expire", extract(None, payment.trace_id)):
            await self._service.expire(payment)

    async def _report(self, now: int) -> None:
        left = await self._database.read(leases.backlog)
        oldest = now if left.oldest is None else left.oldest
        self._metrics.oldest_pending.set(max(0, now - oldest) / MICROS)
        self._metrics.set_aside.set(left.set_aside)
        self._metrics.report_exposure("holds", await self._exposure.of_all())
        self._metrics.report_exposure("refunds", await self._exposure.refunds_of_all())
