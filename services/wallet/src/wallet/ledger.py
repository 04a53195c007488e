"""The one writer of the ledger: transfers from many requests share a transaction."""

from collections.abc import Sequence
from typing import NamedTuple

from opentelemetry.trace import Span
from sqlalchemy import Connection

from kurs.contracts.batch import Skip
from kurs.contracts.wallet import Status
from kurs.data.database import Database, Writer
from kurs.kernel.batching import BatchMetrics
from kurs.kernel.clock import Clock, monotonic
from kurs.kernel.errors import Problem
from kurs.telemetry import Telemetry
from wallet.domain.deposits import Ceilings
from wallet.domain.evaluate import Evaluation
from wallet.domain.transfers import Kind, Outcome, Transfer
from wallet.metrics import WalletMetrics
from wallet.store import batch
from wallet.store.deposits import Deposited

MAX_BATCH = 1_000


class Submission(NamedTuple):
    """A transfer on its way: `expires` is a `monotonic()` moment."""

    transfer: Transfer
    expires: float | None = None
    traceparent: str | None = None
    baggage: str | None = None


class Ledger:
    """Applies transfers. `stripe` is this process's row of every account of the house."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        stripe: int,
        telemetry: Telemetry,
        metrics: WalletMetrics,
        batch_metrics: BatchMetrics,
        ceilings: Ceilings,
    ) -> None:
        self._clock = clock
        self._stripe = stripe
        self._telemetry = telemetry
        self._metrics = metrics
        self._deposited = Deposited(ceilings)
        self._writer: Writer[Submission, Outcome] = Writer(
            database,
            self._apply,
            name="ledger",
            member=lambda submission: submission.traceparent,
            max_batch=MAX_BATCH,
            metrics=batch_metrics,
        )
        self.close = self._writer.close

    async def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Return the outcome of each transfer, in order, after the commit that holds it.

        Raises Overloaded and DatabaseUnavailable; then nothing is known to be stored.
        """
        spans = [self._item_span(s) for s in submissions if s.traceparent is not None]
        try:
            results = await self._writer.submit_many(submissions)
        finally:
            for span in spans:
                span.end()
        outcomes = [self._outcome(s.transfer, r) for s, r in zip(submissions, results, strict=True)]
        self._metrics.count(outcomes)
        return outcomes

    def _item_span(self, submission: Submission) -> Span:
        span = self._telemetry.item_span(
            "wallet transfer", submission.traceparent, submission.baggage
        )
        span.set_attribute("kurs.transfer_id", submission.transfer.transfer_id)
        span.set_attribute("kurs.transfer_kind", submission.transfer.kind.value)
        return span

    def _outcome(self, transfer: Transfer, result: Outcome | Exception) -> Outcome:
        if isinstance(result, Outcome):
            return result
        if isinstance(result, Problem):
            raise result
        self._telemetry.logger.error(
            "transfer failed", transfer_id=transfer.transfer_id, exc_info=result
        )
        return self._skip(transfer, Skip.FAILED, "the ledger could not store this transfer")

    def _apply(
        self, connection: Connection, submissions: Sequence[Submission]
    ) -> list[Outcome | Exception]:
        """Apply a batch inside its transaction; run again when another process interferes."""
        moment = monotonic()
        late = {
            index for index, s in enumerate(submissions)
            if s.expires is not None and s.expires <= moment
        }  # fmt: skip
        live = [s.transfer for i, s in enumerate(submissions) if i not in late]
        outcomes = iter(self._evaluate(connection, live))
        message = "its deadline passed before the work began"
        return [
            self._skip(s.transfer, Skip.LATE, message) if i in late else next(outcomes)
            for i, s in enumerate(submissions)
        ]

    def _evaluate(self, connection: Connection, transfers: Sequence[Transfer]) -> list[Outcome]:
        if not transfers:
            return []
        now = self._clock.now()
        coming = {t.postings[1].currency for t in transfers if t.kind is Kind.DEPOSIT}
        rooms = self._deposited.rooms(connection, coming, now)
        view = batch.load(connection, transfers, self._stripe)
        view.rooms = rooms
        evaluation = Evaluation(view, now)
        outcomes = evaluation.run(transfers)
        batch.save(connection, evaluation.changes, now, self._stripe)
        return outcomes

    def _skip(self, transfer: Transfer, skip: Skip, message: str) -> Outcome:
        return Outcome(
            transfer.transfer_id, transfer.kind, Status.SKIPPED, False, self._clock.now(), None,
            skip.value, message,
        )  # fmt: skip
