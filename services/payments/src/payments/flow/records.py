"""How operations end: outcomes are recorded with the first answers, and everybody is told.

What has no outcome is answered as such; why, is kept for whoever asks.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from kurs.data.database import Database
from kurs.data.failures import DatabaseBlocked, DatabaseUnavailable
from kurs.kernel.batching import alone
from kurs.kernel.clock import monotonic
from kurs.kernel.errors import Problem
from kurs.telemetry import Telemetry
from payments import answers
from payments.clients import OWN_DATABASE, Unanswered, Unusable
from payments.domain.beginning import Replay, Started
from payments.domain.failure import Failure
from payments.domain.identity import named
from payments.domain.operation import Answer, Operation, Waiting
from payments.domain.outcomes import Outcome
from payments.errors import problem_of
from payments.events.feed import EventFeed
from payments.flow.commits import Commits
from payments.flow.orders import Drive, Order, Reply
from payments.flow.unfinished import Unfinished
from payments.metrics import PaymentMetrics, span_attributes
from payments.store import reads
from payments.store.ops import Finish, VersionConflict, Wait
from payments.store.writes import Written

_LONGEST_REASON = 300


class Records:
    """Records what became of operations, and tells callers, followers, the log and metrics."""

    def __init__(
        self,
        *,
        commits: Commits,
        database: Database,
        unfinished: Unfinished,
        feed: EventFeed,
        metrics: PaymentMetrics,
        telemetry: Telemetry,
    ) -> None:
        self._commits = commits
        self._database = database
        self._unfinished = unfinished
        self._feed = feed
        self._metrics = metrics
        self._log = telemetry.logger

    def not_begun(self, order: Order, found: Written | Exception) -> Reply | Exception:
        """Return the answer that was given before, or why an operation may not begin."""
        if isinstance(found, Replay):
            self._metrics.replays.inc()
            return Reply(found.answer, order.payment_id, replayed=True)
        if isinstance(found, DatabaseUnavailable) and not isinstance(found, DatabaseBlocked):
            # It may have been stored all the same, and whoever asked is told to come again.
            self._unfinished.leave(order.op.operation)
        assert found is not None
        assert not isinstance(found, Started)
        return found if isinstance(found, Exception) else problem_of(found)

    async def end(
        self, drives: Sequence[Drive], outcomes: Sequence[Outcome | Exception], since: float
    ) -> list[Reply | Exception]:
        """Record the outcomes of operations driven since then (monotonic seconds); answer each."""
        finishes = [alone(_finish, *each) for each in zip(drives, outcomes, strict=True)]
        recording = [
            (drive, finish)
            for drive, finish in zip(drives, finishes, strict=True)
            if isinstance(finish, Finish)
        ]
        written = iter(
            await self._commits.write([f for _, f in recording], [d.trace for d, _ in recording])
        )
        if recording:
            self._feed.wake()
        ends = [
            await self._told(finish, next(written)) if isinstance(finish, Finish) else finish
            for finish in finishes
        ]
        for drive, outcome, end in zip(drives, outcomes, ends, strict=True):
            if isinstance(end, Answer) and isinstance(outcome, Outcome):
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

    def _say(self, drive: Drive, outcome: Outcome, answer: Answer, since: float) -> None:
        """Say in the log and on the span how an operation ended."""
        operation, payment = drive.started.operation, drive.started.payment
        failure = outcome.failure or outcome.payment.failure
        span = drive.trace.span
        if span.is_recording():
            span.set_attributes(span_attributes(operation, outcome.payment))
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
            payment_status=outcome.payment.status,
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
            if waiting is not None and not waiting.is_known(operation.waiting):
                waits.append((drive, Wait(operation, waiting)))
        kept = await self._commits.write([wait for _, wait in waits], [d.trace for d, _ in waits])
        for (drive, wait), result in zip(waits, kept, strict=True):
            operation = wait.operation
            if isinstance(result, Exception):
                with drive.trace.current():
                    self._log.warning(
                        "reason not kept",
                        **named(operation.operation_id),
                        error=str(getattr(result, "detail", result)),
                    )
        # Not before the reasons are kept: whoever takes one up may be told another.
        for drive, error in left:
            if isinstance(error, Unanswered) and not isinstance(error, Unusable):
                self._unfinished.leave(drive.started.operation)

    def _tell_open(self, drive: Drive, error: Unanswered) -> None:
        self._metrics.processing.labels(error.dependency).inc()
        with drive.trace.current():
            self._log.warning(
                "outcome open",
                **named(drive.started.operation.operation_id),
                waits_for=error.waiting.service,
                error=error,
            )


def _finish(drive: Drive, outcome: Outcome | Exception) -> Finish:
    """Return an outcome as it is recorded; raises what it is in place of one."""
    if isinstance(outcome, Exception):
        raise outcome
    started, after = drive.started, outcome.payment
    if after.active_operation is not None:
        after = replace(after, active_operation=None)
        outcome = replace(outcome, payment=after)
    return Finish(
        started.payment,
        after,
        started.operation,
        answers.finished(started.operation, outcome),
        outcome.cause,
        outcome.refund,
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
