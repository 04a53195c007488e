"""The stored decision: what was decided, on what inputs, why, and under which configuration."""

import json
from collections.abc import Iterable, Sequence
from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple

from risk.domain.attempt import Attempt
from risk.domain.evaluation import THRESHOLD, ThresholdResult, Verdict
from risk.domain.rules import Reason

_NOTHING = "[]"
MAX_REASONS = 12
"""The most reasons that are stored: they travel with the payment into the ledger."""


class Decision(NamedTuple):
    """One row of the table of decisions, in the order of its columns.

    `inputs`, `reasons` and `shadow` are JSON texts; `shadow` leaves out thresholds that found
    nothing and would have approved. `decided_at` is in microseconds since the epoch. `fingerprint`
    is empty: inputs are compared themselves, as releases that filled it do where it differs.
    """

    payment_id: str
    fingerprint: str
    inputs: str
    outcome: str
    score: int
    reasons: str
    shadow: str
    config_revision: str
    decided_at: int


def decide(attempt: Attempt, verdict: Verdict, config_revision: str, now: int) -> Decision:
    """Return the decision that records `verdict` about `attempt`."""
    return Decision(
        attempt.payment_id,
        "",
        attempt.inputs(),
        verdict.outcome.word,
        verdict.score,
        _reasons(_strongest(verdict.reasons)) if verdict.reasons else _NOTHING,
        _listed(_shadow(found) for found in verdict.shadow if found.says_something),
        config_revision,
        now,
    )


def conflict(attempt: Attempt, decision: Decision) -> str | None:
    """Return the field in which `attempt` differs from what was decided, or None."""
    if attempt.inputs() == decision.inputs:
        return None
    return attempt.conflict_with(json.loads(decision.inputs))


def _shadow(result: ThresholdResult) -> str:
    return (
        f'{{"threshold":{quoted(result.threshold.name)},"decision":"{result.outcome.word}",'
        f'"score":{result.score},"reasons":{_reasons(result.reasons)}}}'
    )


def _strongest(reasons: Sequence[Reason]) -> Sequence[Reason]:
    if len(reasons) <= MAX_REASONS:
        return reasons
    kept = sorted(reasons, key=lambda r: (r.rule != THRESHOLD, -r.points))[: MAX_REASONS - 1]
    left_out = len(reasons) - len(kept)
    return [*kept, Reason(THRESHOLD, 0, f"and {left_out} more, none of more points")]


def _reasons(reasons: Sequence[Reason]) -> str:
    # Written out, since it is made for every payment; building dictionaries for an encoder takes
    # several times as long.
    return _listed(
        f'{{"rule":"{rule}","points":{points},"message":{quoted(message)}}}'
        for rule, points, message in reasons
    )


def _listed(texts: Iterable[str]) -> str:
    return "[" + ",".join(texts) + "]"
