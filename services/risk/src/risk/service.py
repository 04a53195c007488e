"""The use cases of risk: score attempts, find a decision. Transaction boundaries are here."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection
from structlog.typing import FilteringBoundLogger

from kurs.data.database import Database
from kurs.data.writer import Writer
from kurs.kernel.batching import BatchMetrics
from kurs.kernel.clock import Clock, monotonic
from kurs.quotes.rate_table import RateTable
from risk import store
from risk.domain.attempt import Attempt
from risk.domain.batch import Batch, Conflict, Scored
from risk.domain.decision import Decision
from risk.domain.evaluation import Verdict
from risk.domain.exposure import is_within
from risk.domain.outcome import Outcome
from risk.domain.policy import Policy
from risk.errors import DecisionNotFound, NotConfigured
from risk.metrics import RiskMetrics

WRITER = "risk-writer"
OUTCOMES = frozenset(outcome.word for outcome in Outcome)
"""The decisions that this release makes and knows."""


class WaitingAttempt(NamedTuple):
    """An attempt that waits to be scored until `expires_monotonic`, in seconds."""

    attempt: Attempt
    expires_monotonic: float | None = None
    traceparent: str | None = None
    baggage: str | None = None


class Skipped(NamedTuple):
    """The deadline passed before the transaction began; nothing is stored."""

    payment_id: str


Result = Scored | Conflict | Skipped


class RiskService:
    """Scores through one writer, so that concurrent requests share a transaction.

    `policy` gives the policy in force or None, `rates` the rates usable at a moment.
    """

    def __init__(
        self,
        database: Database,
        *,
        policy: Callable[[], Policy | None],
        rates: Callable[[int], RateTable],
        clock: Clock,
        metrics: RiskMetrics,
        batch_metrics: BatchMetrics,
        logger: FilteringBoundLogger,
    ) -> None:
        self._database = database
        self._policy = policy
        self._rates = rates
        self._clock = clock
        self._metrics = metrics
        self._logger = logger
        self._writer: Writer[WaitingAttempt, Result] = Writer(
            database,
            self._apply,
            name=WRITER,
            keys=lambda waiting: (waiting.attempt.payment_id, waiting.attempt.counter_key),
            member=lambda waiting: waiting.traceparent,
            metrics=batch_metrics,
        )

    async def score(self, waiting: Sequence[WaitingAttempt]) -> list[Result | Exception]:
        """Return one result per attempt; those of one call are scored in their order.

        Raises NotConfigured without a policy and Overloaded when too many
        wait.
        """
        self._in_force()
        results = await self._writer.submit_many(waiting)
        for result in results:
            self._count(result)
        return results

    async def judge(self, waiting: WaitingAttempt) -> Result:
        """Return what is decided on an attempt, or would be now; nothing is stored or counted.

        A decision that is stored holds for its payment, whatever is asked. Raises NotConfigured.
        """
        self._in_force()
        if waiting.expires_monotonic is not None and waiting.expires_monotonic <= monotonic():
            return Skipped(waiting.attempt.payment_id)
        return await self._database.read(
            lambda c: self._batch(c, [waiting.attempt]).score(waiting.attempt)
        )

    def is_within(self, attempt: Attempt) -> bool:
        """Tell whether limits allow what an attempt's merchant holds open; raises NotConfigured."""
        now = self._clock.now()
        return is_within(self._in_force(), attempt, self._rates(now), now)

    async def decision(self, merchant: str, payment_id: str) -> Decision:
        """Return the decision on a merchant's payment; raises DecisionNotFound."""
        find = partial(store.find_decision, payment_id=f"{merchant}:{payment_id}")
        decision = await self._database.read(find)
        if decision is None:
            raise DecisionNotFound(f"no decision on a payment '{payment_id}'")
        return decision

    async def close(self) -> None:
        """Finish what waits."""
        await self._writer.close()

    def _in_force(self) -> Policy:
        policy = self._policy()
        if policy is None:
            raise NotConfigured("no risk document has been loaded yet; /internal/config says why")
        return policy

    def _apply(self, connection: Connection, ops: Sequence[WaitingAttempt]) -> list[Result]:
        # Judged once: every deadline that holds when the transaction begins is kept.
        begins = monotonic()
        live = [
            o.attempt for o in ops if o.expires_monotonic is None or o.expires_monotonic > begins
        ]
        if len(live) == len(ops):
            return list(self._score(connection, live))
        scored = iter(self._score(connection, live) if live else ())
        return [
            next(scored)
            if waiting.expires_monotonic is None or waiting.expires_monotonic > begins
            else Skipped(waiting.attempt.payment_id)
            for waiting in ops
        ]

    def _score(
        self, connection: Connection, attempts: Sequence[Attempt]
    ) -> list[Scored | Conflict]:
        if self._in_force().windows:
            store.lock_accounts(connection, {a.counter_key for a in attempts})
        batch = self._batch(connection, attempts)
        results = [batch.score(attempt) for attempt in attempts]
        store.save(connection, batch.counters(), batch.decided)
        return results

    def _batch(self, connection: Connection, attempts: Sequence[Attempt]) -> Batch:
        policy = self._in_force()
        # The moment is taken under the locks: who comes later also counts later.
        now = self._clock.now()
        known = store.load_decisions(connection, [a.payment_id for a in attempts])
        for decision in known.values():
            self._warn_of_unknown(decision)
        fresh = {a.counter_key for a in attempts if a.payment_id not in known}
        windows = store.load_windows(connection, fresh, policy.windows, now)
        return Batch(policy, self._rates(now), now, known, windows)

    def _warn_of_unknown(self, decision: Decision) -> None:
        """Log a decision of a later release: it is told as it is, and payments acts on none."""
        if decision.outcome not in OUTCOMES:
            merchant, _, payment_id = decision.payment_id.partition(":")
            self._logger.error(
                "a decision that this release does not know",
                merchant=merchant,
                payment_id=payment_id,
                decision=decision.outcome,
            )

    def _tell(self, decision: Decision, verdict: Verdict) -> None:
        """Log why a payment is not approved: merchants are told the rules, not the figures."""
        if verdict.outcome is not Outcome.APPROVE:
            merchant, _, payment_id = decision.payment_id.partition(":")
            self._logger.info(
                "payment not approved",
                merchant=merchant,
                payment_id=payment_id,
                decision=decision.outcome,
                reasons=[reason.message for reason in verdict.reasons],
            )

    def _count(self, result: Result | Exception) -> None:
        if isinstance(result, Scored):
            self._metrics.attempt("replayed" if result.verdict is None else "scored")
            if result.verdict is not None:
                self._metrics.verdict(result.verdict)
                self._tell(result.decision, result.verdict)
        elif isinstance(result, Conflict):
            self._metrics.attempt("conflict")
        else:
            self._metrics.attempt("skipped" if isinstance(result, Skipped) else "failed")
