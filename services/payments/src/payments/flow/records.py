"""The commits of a wave: what begins is claimed, how it ended is recorded, and its answer kept.

What has no outcome is answered as such; why, is kept for whoever asks.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace
from opentelemetry.trace import Span

from kurs.calls import Deadline
from kurs.data.database import Database
from kurs.data.failures import DatabaseUnavailable
from kurs.data.writer import Writer
from kurs.kernel.batching import BatchMetrics, alone
from kurs.kernel.clock import monotonic
from kurs.kernel.errors import Overloaded, Problem
from kurs.telemetry import Telemetry, Trace
from kurs.telemetry.tracing import format_traceparent
from payments import answers
from payments.clients import OWN_DATABASE, Unanswered, Unusable
from payments.domain.beginning import Replay, Started
from payments.domain.failure import Failure
from payments.domain.identity import named
from payments.domain.operation import Answer, Operation, Waiting
from payments.domain.outcomes import Settled
from payments.errors import problem_of
from payments.events.feed import EventFeed
from payments.flow.ahead import Foreseen, Foresight
from payments.flow.questions import Drive
from payments.flow.unfinished import Unfinished
from payments.metrics import PaymentMetrics, span_attributes
from payments.store import reads
from payments.store.ops import Begin, Claim, Finish, Op, VersionConflict, Wait, keys_of
from payments.store.writes import Written

_LONGEST_REASON = 300


class Order(Struct, frozen=True):
    """An operation that is asked for, on which payment, by when, and the trace that it is of."""

    op: Claim | Begin
    payment_id: str
    deadline: Deadline
    trace: Trace


class Reply(Struct, frozen=True):
    """An answer to a caller, the payment that it is about, and whether it was given before.

    `open` is why there is no outcome yet, if so.
    """

    answer: Answer
    payment_id: str
    replayed: bool = False
    open: Unanswered | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What is said beside the answer."""
        headers = {"content-type": "application/json"}
        if self.replayed:
            headers["idempotent-replayed"] = "true"
        if self.answer.status == answers.RUNNING:
            headers["location"] = f"/payments/{self.payment_id}"
            headers["retry-after"] = "1"
        return headers


class Records:
    """Writes what happens to operations through the one writer of the store, twice for each."""

    def __init__(
        self,
        *,
        database: Database,
        unfinished: Unfinished,
        feed: EventFeed,
        metrics: PaymentMetrics,
        telemetry: Telemetry,
        batches: BatchMetrics,
    ) -> None:
        self._database = database
        self._unfinished = unfinished
        self._feed = feed
        self._metrics = metrics
        self._log = telemetry.logger
        self._tracer = telemetry.tracer
        self._foresight = Foresight()
        self._writer: Writer[Op, Written] = Writer(
            database,
            self._foresight.apply,
            name="payments-writer",
            keys=keys_of,
            member=lambda op: op.traceparent,
            metrics=batches,
        )
        self.close = self._writer.close

    async def begin(
        self, orders: Sequence[Order], foreseen: Foreseen
    ) -> list[Started | Reply | Exception]:
        """Return which operations are to be driven, in order; `foreseen` learns of it before.

        In place of the others is the answer that was given before, or why they may not begin.
        """
        begun = await self._commit([o.op for o in orders], [o.trace for o in orders], foreseen)
        return [self._begun(order, each) for order, each in zip(orders, begun, strict=True)]

    def _begun(self, order: Order, begun: Written | Exception) -> Started | Reply | Exception:
        if isinstance(begun, Replay):
            self._metrics.replays.inc()
            return Reply(begun.answer, order.payment_id, replayed=True)
        if isinstance(begun, DatabaseUnavailable):
            # It may have been stored all the same, and whoever asked is told to come again.
            self._unfinished.leave(order.op.operation)
        assert begun is not None
        return begun if isinstance(begun, Started | Exception) else problem_of(begun)

    async def end(
        self, drives: Sequence[Drive], settled: Sequence[Settled | Exception], since: float
    ) -> list[Reply | Exception]:
        """Record the outcomes of operations driven since then (monotonic seconds); answer each."""
        finishes = [alone(_finish, *each) for each in zip(drives, settled, strict=True)]
        recording = [
            (drive, finish)
            for drive, finish in zip(drives, finishes, strict=True)
            if isinstance(finish, Finish)
        ]
        written = iter(
            await self._commit([f for _, f in recording], [d.trace for d, _ in recording])
        )
        if recording:
            self._feed.wake()
        ends = [
            await self._told(finish, next(written)) if isinstance(finish, Finish) else finish
            for finish in finishes
        ]
        for drive, outcome, end in zip(drives, settled, ends, strict=True):
            if isinstance(end, Answer) and isinstance(outcome, Settled):
                self._say(drive, outcome, end, since)
        await self._leave_open(
            [(d, e) for d, e in zip(drives, ends, strict=True) if isinstance(e, Exception)]
        )
        return [alone(_reply, drive.started, end) for drive, end in zip(drives, ends, strict=True)]

    async def _told(self, finish: Finish, written: Written | Exception) -> Answer | Exception:
        """Return what the caller is told once an outcome was written, or was not."""
        operation = finish.operation
        if isinstance(written, VersionConflict):
            return await self._answer_of_another(operation)
        if isinstance(written, Problem):
            return Unanswered(OWN_DATABASE, written.detail)
        if isinstance(written, Exception):
            return written
        self._metrics.finished(operation.kind, finish.before, finish.after)
        if finish.refund is not None:
            self._metrics.refunded(finish.after, operation.amount, finish.refund.rate)
        return finish.answer

    async def _answer_of_another(self, operation: Operation) -> Answer | Exception:
        name = operation.operation_id
        try:
            stored = await self._database.read(lambda c: reads.find_operation(c, name))
        except Problem as problem:
            return Unanswered(OWN_DATABASE, problem.detail)
        if stored is None or stored.answer is None:
            return Unanswered("payments", "another process works on this operation")
        return stored.answer

    def _say(self, drive: Drive, settled: Settled, answer: Answer, since: float) -> None:
        """Say in the log and on the span how an operation ended."""
        operation, payment = drive.started.operation, drive.started.payment
        failure = settled.failure or settled.payment.failure
        span = drive.trace.span
        if span.is_recording():
            span.set_attributes(span_attributes(operation, settled.payment))
        if failure is not None and not failure.is_known:
            with drive.trace.current():
                self._meet_unknown(operation, failure)
        self._log.info(
            "operation",
            kind=operation.kind,
            actor=operation.actor,
            merchant=payment.merchant,
            payment_id=payment.payment_id,
            operation_id=operation.operation_id,
            payment_status=settled.payment.status,
            status=answer.status,
            duration_ms=round((monotonic() - since) * 1000, 1),
            span=span,
        )

    def _meet_unknown(self, operation: Operation, failure: Failure) -> None:
        """Say aloud that a service refused for a reason that this release does not know."""
        self._metrics.unknown_codes.inc()
        self._log.error(
            "refused with an unknown code",
            **named(operation.operation_id),
            reason=failure.code,
            error=failure.message,
        )

    async def _leave_open(self, left: Sequence[tuple[Drive, Exception]]) -> None:
        """Keep why operations are open, for whoever asks; that they are does not rest on it."""
        waits: list[tuple[Drive, Wait]] = []
        for drive, error in left:
            operation, waiting = drive.started.operation, _waiting(error)
            if isinstance(error, Unanswered):
                self._tell_open(drive, error)
                if not isinstance(error, Unusable):
                    self._unfinished.leave(operation)
            if waiting is not None and not waiting.is_known(operation.waiting):
                waits.append((drive, Wait(operation, waiting)))
        kept = await self._commit([wait for _, wait in waits], [d.trace for d, _ in waits])
        for (drive, wait), result in zip(waits, kept, strict=True):
            operation = wait.operation
            if isinstance(result, Exception):
                with drive.trace.current():
                    self._log.warning(
                        "reason not kept",
                        **named(operation.operation_id),
                        error=str(getattr(result, "detail", result)),
                    )

    def _tell_open(self, drive: Drive, error: Unanswered) -> None:
        self._metrics.processing.labels(error.dependency).inc()
        with drive.trace.current():
            self._log.warning(
                "outcome open",
                **named(drive.started.operation.operation_id),
                waits_for=error.waiting.service,
                error=error,
            )

    async def _commit(
        self, ops: Sequence[Op], traces: Sequence[Trace], foreseen: Foreseen | None = None
    ) -> list[Written | Exception]:
        """Write in one transaction; what fails there fails alone."""
        if not ops:
            return []
        spans = [self._span(op, trace) for op, trace in zip(ops, traces, strict=True)]
        traced = [
            op if span is None else replace(op, traceparent=_traceparent(span))
            for op, span in zip(ops, spans, strict=True)
        ]
        if foreseen is not None:
            self._foresight.expect(foreseen, traced)
        try:
            return await self._writer.submit_many(traced)
        except Overloaded as error:
            return [error] * len(ops)
        finally:
            if foreseen is not None:
                self._foresight.forget(foreseen)
            for span in spans:
                if span is not None:
                    span.end()

    def _span(self, op: Op, trace: Trace) -> Span | None:
        """Return the span of a wait for the transaction that is shared with others."""
        if trace.traceparent is None:
            return None
        return self._tracer.start_span(f"payments {type(op).__name__.lower()}", trace.context)


def _traceparent(span: Span) -> str:
    return format_traceparent(span.get_span_context())


def _finish(drive: Drive, settled: Settled | Exception) -> Finish:
    """Return an outcome as it is recorded; raises what it is in place of one."""
    if isinstance(settled, Exception):
        raise settled
    started, after = drive.started, settled.payment
    if after.active_operation is not None:
        after = replace(after, active_operation=None)
        settled = replace(settled, payment=after)
    return Finish(
        started.payment,
        after,
        started.operation,
        answers.finished(started.operation, settled),
        settled.cause,
        settled.refund,
    )


def _waiting(error: Exception) -> Waiting | None:
    """Return what is kept of why an operation is open; None for what says itself what to do."""
    if isinstance(error, Unanswered):
        return None if error.dependency == OWN_DATABASE else error.waiting
    if isinstance(error, Problem):
        return None
    reason = f"payments: {type(error).__name__}: {error}"
    return Waiting("payments", reason[:_LONGEST_REASON])


def _reply(started: Started, end: Answer | Exception) -> Reply | Exception:
    payment_id = started.payment.payment_id
    if isinstance(end, Unanswered):
        return Reply(answers.unfinished(started, end.waiting), payment_id, open=end)
    return end if isinstance(end, Exception) else Reply(end, payment_id)
