"""From an attempt to a verdict: run the rules, add the points, take the strictest outcome."""

from collections.abc import Sequence
from typing import NamedTuple

from kurs.quotes.rate_table import RateTable
from risk.domain.attempt import Attempt
from risk.domain.outcome import MAX_SCORE, Outcome
from risk.domain.policy import BUILT_IN, Policy, Threshold
from risk.domain.rules import Case, Reason, base_reasons, threshold_reasons
from risk.domain.velocity import AccountUse

THRESHOLD = "threshold"
"""The rule name of the reason that says which threshold decided."""


class ThresholdResult(NamedTuple):
    """What one threshold makes of an attempt."""

    threshold: Threshold
    score: int
    outcome: Outcome
    reasons: Sequence[Reason]
    """What its own rules found, without the base rules."""

    @property
    def says_something(self) -> bool:
        """Whether it found anything or would not approve."""
        return bool(self.reasons) or self.outcome is not Outcome.APPROVE


class Verdict(NamedTuple):
    """The decision about an attempt, and what shadow thresholds would have said."""

    outcome: Outcome
    score: int
    reasons: list[Reason]
    enforced: list[ThresholdResult]
    shadow: list[ThresholdResult]


def evaluate(
    policy: Policy, attempt: Attempt, use: AccountUse, rates: RateTable, now: int
) -> Verdict:
    """Judge `attempt` at `now` (microseconds) on top of the account's `use` before it.

    Each applicable threshold adds the points of the base rules and of its own rules, cut at 100,
    and compares the sum with its own marks. The strictest outcome among enforced thresholds
    decides; the score is the highest among them. Where none is enforced, the built-in one decides.
    """
    base = base_reasons(policy, attempt)
    case = Case(attempt, use, rates, now)
    enforced: list[ThresholdResult] = []
    shadow: list[ThresholdResult] = []
    for threshold in policy.applicable(attempt, now):
        own = threshold_reasons(threshold, case)
        (shadow if threshold.shadow else enforced).append(_find(threshold, base, own))
    if not enforced:
        own = threshold_reasons(BUILT_IN, case)
        enforced.append(_find(BUILT_IN, base, own))
    decisive = max(enforced, key=lambda found: found.outcome)
    reasons = [*base]
    for found in enforced:
        reasons.extend(found.reasons)
    if decisive.outcome is not Outcome.APPROVE:
        reasons.append(_statement(decisive, len(enforced)))
    score = max(found.score for found in enforced)
    return Verdict(decisive.outcome, score, reasons, enforced, shadow)


def _find(threshold: Threshold, base: Sequence[Reason], own: Sequence[Reason]) -> ThresholdResult:
    points = 0
    for reason in base:
        points += reason.points
    for reason in own:
        points += reason.points
    score = min(points, MAX_SCORE)
    return ThresholdResult(threshold, score, threshold.marks.outcome(score), own)


def _statement(decisive: ThresholdResult, applicable: int) -> Reason:
    marks = decisive.threshold.marks
    mark = marks.decline if decisive.outcome is Outcome.DECLINE else marks.review
    strictest = f", the strictest of {applicable} thresholds" if applicable > 1 else ""
    return Reason(
        THRESHOLD, 0,
        f"score {decisive.score} reaches the {decisive.outcome.word} mark {mark} of "
        f"{decisive.threshold.name}{strictest}",
    )  # fmt: skip
