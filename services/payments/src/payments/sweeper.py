"""The sweeper: finishes what a crash or a timeout left, on any replica, each thing once."""

from collections.abc import Sequence

from opentelemetry.trace import Span
from sqlalchemy import Connection

from kurs.data.database import Database
from kurs.kernel.clock import MICROS, Clock
from kurs.kernel.errors import Problem
from kurs.telemetry import Telemetry, Trace, carry_merchant, extract
from payments.clients import Unusable
from payments.domain.beginning import Started
from payments.domain.identity import named, operation_id
from payments.domain.moves import Kind
from payments.domain.payment import Payment
from payments.flow.exposure import ExposureReader
from payments.flow.unfinished import Unfinished
from payments.metrics import PaymentMetrics
from payments.service import PaymentService
from payments.settings import PaymentsSettings
from payments.store import leases, reads

_BATCH = 100
_HINT = "`python -m payments resume` takes it up again once the cause is gone"


class Sweeper:
    """Looks for leases and holds that ran out, and for what this process left unfinished.

    What it leaves half done is taken over later.
    """

    def __init__(
        self,
        *,
        service: PaymentService,
        database: Database,
        exposure: ExposureReader,
        unfinished: Unfinished,
        settings: PaymentsSettings,
        metrics: PaymentMetrics,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._service = service
        self._database = database
        self._exposure = exposure
        self._unfinished = unfinished
        self._settings = settings
        self._metrics = metrics
        self._log = telemetry.logger
        self._tracer = telemetry.tracer
        self._clock = clock
        self._unreadable: frozenset[str] = frozenset()

    async def sweep(self) -> int:
        """Finish what is overdue; return how many operations were taken over."""
        now = self._clock.now()
        try:
            return await self._finish(now)
        finally:
            # What cannot be finished is to be seen all the more.
            await self._report(now)

    async def _finish(self, now: int) -> int:
        taken = await self._take_over(now)
        for name in taken.set_aside:
            self._log.error("operation set aside", **named(name), hint=_HINT)
        excused = await self._resume(taken.started)
        if excused:
            await self._database.write(lambda c: leases.excuse(c, excused))
        overdue = await self._database.read(lambda c: reads.overdue_holds(c, now, _BATCH))
        self._tell_unreadable(overdue.unreadable)
        await self._expire(overdue.payments)
        return len(taken.started)

    async def _take_over(self, now: int) -> leases.Taken:
        left = self._unfinished.take(now)

        def take_over(connection: Connection) -> leases.Taken:
            leases.give_back(connection, left, now)
            return leases.take_over(connection, self._terms(now))

        try:
            return await self._database.write(take_over)
        except BaseException:
            for operation in left:
                self._unfinished.leave(operation)
            raise

    def _terms(self, now: int) -> leases.Terms:
        settings = self._settings
        return leases.Terms(
            now=now,
            lease_until=now + round(settings.lease_seconds * MICROS),
            rest_until=now + round(settings.set_aside_seconds * MICROS),
            most_failures=settings.set_aside_attempts,
            limit=_BATCH,
        )

    async def _resume(self, left: Sequence[Started]) -> list[str]:
        """Drive operations; return those whose last attempt is not to count against them.

        Another service that did not answer says nothing against the operation.
        """
        spans = [
            self._span("payments resume", each.operation.traceparent, each.payment) for each in left
        ]
        results = await self._service.resume(left, [trace for _, trace in spans])
        excused = []
        for started, (span, _), result in zip(left, spans, results, strict=True):
            span.end()
            name = started.operation.operation_id
            if isinstance(result, Exception):
                self._failed(name, result)
                continue
            self._metrics.swept.labels("open" if result.open else "finished").inc()
            if result.open is not None and not isinstance(result.open, Unusable):
                excused.append(name)
        return excused

    async def _expire(self, overdue: Sequence[Payment]) -> None:
        # Log lines name the trace that the payment began in; it is over, and gets no more spans.
        spans = [self._span("payments expire", None, payment) for payment in overdue]
        results = await self._service.expire(overdue, [trace for _, trace in spans])
        for payment, (span, trace), result in zip(overdue, spans, results, strict=True):
            span.end()
            if isinstance(result, Problem):
                with trace.current():
                    self._log.info(
                        "hold not expired",
                        merchant=payment.merchant,
                        payment_id=payment.payment_id,
                        error=result.detail,
                    )
            elif isinstance(result, Exception):
                self._failed(operation_id(Kind.EXPIRE, payment), result)

    def _tell_unreadable(self, uids: Sequence[str]) -> None:
        """Say once which holds cannot be released by this release."""
        for uid in uids:
            name = operation_id(Kind.EXPIRE, uid)
            if uid not in self._unreadable:
                self._log.error("hold cannot be read", **named(name))
        self._unreadable = frozenset(uids)

    def _failed(self, name: str, error: Exception) -> None:
        self._metrics.swept.labels("failed").inc()
        self._log.error("sweeping failed", **named(name), exc_info=error)

    def _span(self, name: str, traceparent: str | None, payment: Payment) -> tuple[Span, Trace]:
        """Return the span of one operation, to be ended, and the trace that is current in it."""
        began = extract(traceparent, payment.trace_id)
        with self._tracer.start_as_current_span(name, began, end_on_exit=False) as span:
            carry_merchant(payment.merchant)
            return span, Trace.here()

    async def _report(self, now: int) -> None:
        left = await self._database.read(leases.backlog)
        oldest = now if left.oldest is None else left.oldest
        self._metrics.oldest_pending.set(max(0, now - oldest) / MICROS)
        self._metrics.set_aside.set(left.set_aside)
        self._metrics.report_exposure("holds", await self._exposure.of_all())
        self._metrics.report_exposure("refunds", await self._exposure.refunds_of_all())
