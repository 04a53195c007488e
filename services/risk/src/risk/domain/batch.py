"""Scores a batch of attempts one after the other, each seeing what came before it."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kurs.quotes.rate_table import RateTable
from risk.domain.attempt import Attempt
from risk.domain.decision import Decision, conflict, decide
from risk.domain.evaluation import Verdict, evaluate
from risk.domain.policy import Policy
from risk.domain.velocity import MAX_WINDOW_AMOUNT, NOTHING, Use, Windows, bucket_start


class Scored(NamedTuple):
    """A decision: a new one with its verdict, or the stored one of a repeated attempt."""

    decision: Decision
    verdict: Verdict | None

    @property
    def replayed(self) -> bool:
        """Whether the decision was made before."""
        return self.verdict is None


class Conflict(NamedTuple):
    """The payment id was decided on for other inputs; `field` names the first that differs."""

    payment_id: str
    field: str


Counter = tuple[str, int, int, str, int, int]
"""Account, bucket width, bucket start (seconds), currency, attempts, amount in minor units."""


class Batch:
    """The batch under way: one policy, one set of rates, one moment.

    `known` are the stored decisions of the batch's payment ids, `windows` the use of its accounts.
    """

    def __init__(
        self,
        policy: Policy,
        rates: RateTable,
        now: int,
        known: Mapping[str, Decision],
        windows: Windows,
    ) -> None:
        self._policy = policy
        self._rates = rates
        self._now = now
        self._known = dict(known)
        self._windows = windows
        self._used: dict[tuple[str, str], Use] = {}
        self.decided: list[Decision] = []
        """The new decisions, which are to be stored."""

    def score(self, attempt: Attempt) -> Scored | Conflict:
        """Decide on an attempt, or repeat what was decided on it."""
        stored = self._known.get(attempt.payment_id)
        if stored is not None:
            field = conflict(attempt, stored)
            return Scored(stored, None) if field is None else Conflict(stored.payment_id, field)
        account = attempt.counter_key
        use = self._windows.of(account)
        verdict = evaluate(self._policy, attempt, use, self._rates, self._now)
        decision = decide(attempt, verdict, self._policy.revision, self._now)
        self._count(account, attempt.currency, attempt.amount_minor)
        self._known[attempt.payment_id] = decision
        self.decided.append(decision)
        return Scored(decision, verdict)

    def counters(self) -> list[Counter]:
        """Return what is to be added to the velocity counters, sorted by their key."""
        rows = []
        for (account, currency), (attempts, amount) in self._used.items():
            plan = self._policy.plan(currency)
            stored = self._room(account, currency, amount, plan.windows)
            for width in plan.widths:
                start = bucket_start(self._now, width)
                rows.append((account, width, start, currency, attempts, stored))
        rows.sort()
        return rows

    def _count(self, account: str, currency: str, amount: int) -> None:
        windows = self._policy.plan(currency).windows
        if windows:
            self._windows.add(account, currency, amount, windows)
            attempts, total = self._used.get((account, currency), NOTHING)
            self._used[account, currency] = Use(attempts + 1, total + amount)

    def _room(self, account: str, currency: str, amount: int, windows: Iterable[int]) -> int:
        """Return how much of `amount`, already in the windows, still fits what is stored."""
        used = self._windows.of(account)
        fullest = max(used[window][currency].amount for window in windows)
        return max(0, amount - max(0, fullest - MAX_WINDOW_AMOUNT))
