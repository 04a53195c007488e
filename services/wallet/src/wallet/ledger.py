"""The one writer of the ledger: transfers from many requests share a transaction."""

from collections.abc import Sequence
from typing import NamedTuple

from opentelemetry.trace import Span
from sqlalchemy import Connection

from kurs.contracts.batch import Skip
from kurs.contracts.wallet import TransferStatus
from kurs.data.database import Database
from kurs.data.failures import DatabaseBlocked, trouble_of
from kurs.data.writer import Writer
from kurs.kernel.batching import BatchMetrics
from kurs.kernel.clock import Clock, monotonic
from kurs.kernel.errors import Problem
from kurs.telemetry import Telemetry
from wallet.domain.deposits import Ceilings
from wallet.domain.evaluate import Evaluation
from wallet.domain.transfers import Kind, Outcome, Transfer
from wallet.domain.view import is_house
from wallet.metrics import WalletMetrics
from wallet.store import batch
from wallet.store.deposits import Deposited, deposits_key
from wallet.store.tables import STRIPES

MAX_BATCH = 1_000


class Submission(NamedTuple):
    """A transfer on its way: `expires_monotonic` is a `monotonic()` moment."""

    transfer: Transfer
    expires_monotonic: float | None = None
    traceparent: str | None = None
    baggage: str | None = None


class Ledger:
    """Applies transfers. `stripe` is this process's row of every account of the house, at first."""

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
            keys=_keys,
            member=lambda submission: submission.traceparent,
            max_batch=MAX_BATCH,
            metrics=batch_metrics,
        )
        self.close = self._writer.close

    async def submit(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Return the outcome of each transfer, in order, after the commit that holds it.

        One that is locked out is skipped. Raises Overloaded and DatabaseUnavailable when none is
        known to be stored.
        """
        spans = [self._item_span(s) for s in submissions if s.traceparent is not None]
        try:
            results = await self._writer.submit_many(submissions)
        finally:
            for span in spans:
                span.end()
        blocked = [result for result in results if isinstance(result, DatabaseBlocked)]
        if blocked and len(blocked) == len(results):
            raise blocked[0]
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
        if isinstance(result, DatabaseBlocked):
            return self._skip(transfer, Skip.BUSY, "somebody keeps its rows locked")
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
            if s.expires_monotonic is not None and s.expires_monotonic <= moment
        }  # fmt: skip
        live = [s.transfer for i, s in enumerate(submissions) if i not in late]
        outcomes = iter(self._evaluated(connection, live))
        message = "its deadline passed before the work began"
        return [
            self._skip(s.transfer, Skip.LATE, message) if i in late else next(outcomes)
            for i, s in enumerate(submissions)
        ]

    def _evaluated(self, connection: Connection, transfers: Sequence[Transfer]) -> list[Outcome]:
        if not transfers:
            return []
        stripe = self._stripe
        try:
            return self._evaluate(connection, transfers, stripe)
        except Exception as error:
            if trouble_of(error) is not None and stripe == self._stripe:
                # Perhaps a connection that hangs keeps this one: any other is as good.
                self._stripe = (stripe + 1) % STRIPES
            raise

    def _evaluate(
        self, connection: Connection, transfers: Sequence[Transfer], stripe: int
    ) -> list[Outcome]:
        now = self._clock.now()
        coming = {t.postings[1].currency for t in transfers if t.kind is Kind.DEPOSIT}
        rooms = self._deposited.rooms(connection, coming, now)
        view = batch.load(connection, transfers, stripe)
        view.rooms = rooms
        evaluation = Evaluation(view, now)
        outcomes = evaluation.run(transfers)
        batch.save(connection, evaluation.changes, now, stripe)
        return outcomes

    def _skip(self, transfer: Transfer, skip: Skip, message: str) -> Outcome:
        return Outcome(
            transfer.transfer_id, transfer.kind, TransferStatus.SKIPPED, False, self._clock.now(),
            None, skip.value, message,
        )  # fmt: skip


def _keys(submission: Submission) -> list[str]:
    """Return what a transfer locks: itself, the deposits of its currency if it is one, balances
    of customers, its hold, what it reverses.

    Rows of the house are this process's own.
    """
    transfer = submission.transfer
    touched = [p.account_id + p.currency for p in transfer.postings if not is_house(p.account_id)]
    if transfer.hold is not None:
        touched.append(transfer.hold[0] + transfer.hold[1])
    named = (name for name in (transfer.hold_id, transfer.reverses) if name)
    deposited = transfer.postings[1:] if transfer.kind is Kind.DEPOSIT else ()
    coming = (deposits_key(posting.currency) for posting in deposited)
    return [transfer.transfer_id, *coming, *touched, *named]
