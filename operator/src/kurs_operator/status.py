"""What the status of a resource says. Pure: a ruling and the pods' acknowledgements in, it out.

Status never claims Ready for a generation that some counted pod is not known to run.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from kurs.kernel.clock import MICROS, from_rfc3339, to_rfc3339
from kurs_operator.condition_states import FRESH, ConditionState, condition_states
from kurs_operator.conditions import (
    MAX_MESSAGE,
    Approval,
    ApprovedStatus,
    Condition,
    ConditionType,
    DestinationStatus,
    Progress,
    RateSourceStatus,
    ResourceStatus,
    ShadowCounts,
)
from kurs_operator.documents import SERVICE_OF
from kurs_operator.fleet import Fleet, Pod, Report
from kurs_operator.judged import Judged
from kurs_operator.rollout import propagation

LAST_RATE_STEP = 30 * MICROS
"""The date of the last rate is written no more often than this: status is not a metric."""
_DELIVERY = {"delivered_sequence", "waiting", "oldest_waiting_at", "last_error", "last_error_at"}


@dataclass(frozen=True, slots=True)
class Note:
    """An Event to post about a resource."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def status_of(judged: Judged, pods: Fleet, now: int) -> ResourceStatus:
    """Return the status that is true at `now` (microseconds)."""
    live = judged.ruling.live
    rollout = propagation(judged, live, pods, now) if live else None
    found = condition_states(judged, rollout, pods, now)
    common = {
        "observed_generation": judged.identity.generation,
        "revision": rollout.revision if rollout else None,
        "conditions": tuple(_dated(judged, kind, state, now) for kind, state in found.items()),
        "propagation": rollout,
        "approved": judged.approval or _approved(judged.previous),
    }
    model = SERVICE_OF[judged.identity.kind].status
    return model.model_validate(common | _of_kind(judged, pods, now))


def notes(previous: ResourceStatus | None, current: ResourceStatus) -> list[Note]:
    """Return the Events of a change: none while things are merely under way."""
    before = previous.condition(ConditionType.READY) if previous else None
    now = current.condition(ConditionType.READY)
    assert now is not None
    same = before is not None and (before.status, before.reason) == (now.status, now.reason)
    generation = previous.observed_generation if previous else None
    if now.status == "True":
        known = same and generation == current.observed_generation
        return [] if known else [Note("Normal", now.reason, now.message)]
    if same or now.reason in (Progress.PROPAGATING, Progress.PENDING, Progress.NO_PODS):
        return []
    return [Note("Warning", now.reason, now.message)]


def _dated(judged: Judged, kind: ConditionType, found: ConditionState, now: int) -> Condition:
    before = judged.previous.condition(kind) if judged.previous else None
    same = before is not None and before.status == found.state
    return Condition(
        type=kind,
        status=found.state,
        observed_generation=judged.identity.generation,
        last_transition_time=before.last_transition_time if before and same else _whole(now),
        reason=found.reason,
        message=found.message[:MAX_MESSAGE],
    )


def _approved(previous: ResourceStatus | None) -> Approval | None:
    return previous.approved if isinstance(previous, ApprovedStatus) else None


def _of_kind(judged: Judged, pods: Fleet, now: int) -> dict[str, object]:
    """Return what only the status of this kind has."""
    reports = pods.reports(judged.identity)
    if judged.identity.kind == "EventDestination":
        return _delivery(judged.previous, pods.newest_report(judged.identity, now - FRESH))
    if judged.identity.kind == "FXRateSource":
        return {"last_rate_at": _last_rate(judged.previous, reports)}
    return {"shadow": _shadow(reports) if judged.shadow else None}


def _delivery(previous: ResourceStatus | None, report: Report | None) -> dict[str, object]:
    """Return what was said last; what was known before, while nobody says anything."""
    if report is None or report.delivery is None:
        known = previous if isinstance(previous, DestinationStatus) else None
        return known.model_dump(include=_DELIVERY) if known else {}
    told = report.delivery
    moments = {"oldest_waiting_at": told.oldest_waiting_at, "last_error_at": told.last_error_at}
    whole = {name: text and _whole(from_rfc3339(text)) for name, text in moments.items()}
    return told.model_dump() | whole


def _last_rate(
    previous: ResourceStatus | None, reports: Iterable[tuple[Pod, Report]]
) -> str | None:
    seen = [report.observed_at for _, report in reports if report.observed_at]
    known = previous.last_rate_at if isinstance(previous, RateSourceStatus) else None
    if not seen:
        return known
    oldest = min(map(from_rfc3339, seen))
    if known is not None and abs(oldest - from_rfc3339(known)) < LAST_RATE_STEP:
        return known
    return _whole(oldest)


def _shadow(reports: Iterable[tuple[Pod, Report]]) -> ShadowCounts:
    total = {"approve": 0, "review": 0, "decline": 0}
    for _, report in reports:
        for outcome in total:
            total[outcome] += report.decisions.get(outcome, 0)
    return ShadowCounts(**total)


def _whole(micros: int) -> str:
    return to_rfc3339(micros)[:19] + "Z"
