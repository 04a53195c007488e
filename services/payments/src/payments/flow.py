"""The way of an operation: its intent is stored, its steps are taken, its outcome is recorded.

An answer is given after the commit that holds it. What has no outcome yet is answered as such, and
finished by whoever sees it when its lease ran out.
"""

from dataclasses import dataclass, replace

from opentelemetry.trace import get_current_span

from kurs.calls import Deadline
from kurs.data.database import Database
from kurs.data.writer import Writer
from kurs.kernel.batching import BatchMetrics
from kurs.kernel.clock import monotonic
from kurs.kernel.errors import Problem
from kurs.telemetry import Telemetry, inject
from payments import answers
from payments.clients import Unanswered
from payments.domain.beginning import Denied, Replay, Started
from payments.domain.failure import Failure
from payments.domain.identity import named
from payments.domain.operation import Answer, Operation, Waiting
from payments.domain.outcomes import Settled
from payments.domain.refunds import Rate
from payments.feed import Feed
from payments.metrics import PaymentMetrics, span_attributes
from payments.steps import Steps
from payments.store import reads
from payments.store.ops import Finish, Op, VersionConflict, Wait, keys_of
from payments.store.writes import Written, apply
from payments.waves import give_way

_OWN_DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a caller, the payment that it is about, and whether it was given before."""

    answer: Answer
    payment_id: str
    replayed: bool = False


class Flow:
    """Carries operations out; each through the one writer of the store, twice."""

    def __init__(
        self,
        *,
        database: Database,
        steps: Steps,
        feed: Feed,
        metrics: PaymentMetrics,
        telemetry: Telemetry,
        batches: BatchMetrics,
    ) -> None:
        self._database = database
        self.steps = steps
        self._feed = feed
        self._metrics = metrics
        self._log = telemetry.logger
        self._tracer = telemetry.tracer
        self._writer: Writer[Op, Written] = Writer(
            database,
            apply,
            name="payments-writer",
            keys=keys_of,
            member=lambda op: op.traceparent,
            metrics=batches,
        )
        self.close = self._writer.close

    async def carry_out(self, op: Op, payment_id: str, deadline: Deadline) -> Reply | Denied:
        """Begin an operation and take it to its answer; return why it may not begin, if so.

        Raises Problem when the store does not answer.
        """
        begun = await self._commit(op)
        if isinstance(begun, Replay):
            self._metrics.replays.inc()
            return Reply(begun.answer, payment_id, replayed=True)
        if not isinstance(begun, Started):
            assert begun is not None
            return begun
        try:
            answer = await self.settle(begun, deadline)
        except Unanswered as error:
            answer = answers.unfinished(begun, error.waiting)
        return Reply(answer, payment_id)

    async def settle(self, started: Started, deadline: Deadline) -> Answer:
        """Take an operation to its recorded outcome; raises Unanswered when there is none yet."""
        begun = monotonic()
        operation, payment = started.operation, started.payment
        try:
            settled = await self.steps.drive(started, deadline)
            answer = await self._record(started, settled)
        except Unanswered as error:
            self._metrics.processing.labels(error.dependency).inc()
            self._log.warning(
                "outcome open",
                **named(operation.operation_id),
                waits_for=error.waiting.service,
                error=error,
            )
            await self._keep(operation, error.waiting)
            raise
        self._meet_unknown(operation, settled.failure or settled.payment.failure)
        span = get_current_span()
        if span.is_recording():
            span.set_attributes(span_attributes(operation, settled.payment))
        self._log.info(
            "operation",
            kind=operation.kind,
            actor=operation.actor,
            merchant=payment.merchant,
            payment_id=payment.payment_id,
            operation_id=operation.operation_id,
            payment_status=settled.payment.status,
            status=answer.status,
            duration_ms=round((monotonic() - begun) * 1000, 1),
        )
        return answer

    async def _keep(self, operation: Operation, waiting: Waiting) -> None:
        """Keep why an operation is open, for whoever asks; that it is open does not rest on it."""
        if waiting == operation.waiting or waiting.service == _OWN_DATABASE:
            return
        try:
            await self._commit(Wait(operation, waiting))
        except Problem as problem:
            self._log.warning(
                "reason not kept", **named(operation.operation_id), error=problem.detail
            )

    def _meet_unknown(self, operation: Operation, failure: Failure | None) -> None:
        """Say aloud that a service refused for a reason that this release does not know."""
        if failure is None or failure.is_known:
            return
        self._metrics.unknown_codes.inc()
        self._log.error(
            "refused with an unknown code",
            **named(operation.operation_id),
            reason=failure.code,
            error=failure.message,
        )

    async def _record(self, started: Started, settled: Settled) -> Answer:
        before, operation, after = started.payment, started.operation, settled.payment
        if after.active_operation is not None:
            after = replace(after, active_operation=None)
        answer = answers.finished(operation, replace(settled, payment=after))
        give_way()
        try:
            old_rate = settled.refund is not None and settled.refund.rate is Rate.PAYMENT
            done = Finish(before, after, operation, answer, settled.cause, old_rate=old_rate)
            await self._commit(done)
        except VersionConflict:
            return await self._answer_of_another(started)
        except Problem as problem:
            raise Unanswered(_OWN_DATABASE, problem.detail) from problem
        self._feed.wake()
        self._metrics.finished(operation.kind, before, after)
        if settled.refund is not None:
            self._metrics.refunded(after, operation.amount, settled.refund.rate)
        return answer

    async def _commit(self, op: Op) -> Written:
        if not get_current_span().is_recording():
            return await self._writer.submit(op)
        # The payment's wait for the transaction that it shares with others.
        with self._tracer.start_as_current_span(f"payments {type(op).__name__.lower()}"):
            return await self._writer.submit(replace(op, traceparent=inject()))

    async def _answer_of_another(self, started: Started) -> Answer:
        name = started.operation.operation_id
        stored = await self._database.read(lambda c: reads.find_operation(c, name))
        if stored is None or stored.answer is None:
            raise Unanswered("payments", "another process works on this operation")
        return stored.answer
