"""What the status of a resource says. Pure: a ruling and the pods' acknowledgements in, it out.

Status never claims Ready for a generation that some counted pod is not known to run. Once all
counted pods ran it, it stays Propagated while pods come and go; only a pod that answers otherwise
takes it back.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from kurs.kernel.clock import MICROS, from_rfc3339, to_rfc3339
from kurs_operator.conditions import (
    MAX_LAGGING,
    MAX_MESSAGE,
    Approval,
    Condition,
    ConditionType,
    LaggingPod,
    Progress,
    Propagation,
    RateSourceStatus,
    ResourceStatus,
    ShadowCounts,
    State,
    ThresholdStatus,
)
from kurs_operator.fleet import Fleet, Pod, Report, Stand
from kurs_operator.ruling import Identity, Reason, Ruling

DEADLINE = 60 * MICROS
"""How long a rollout may take before it is called stalled."""
LATE = 2 * MICROS
"""An edit that is seen so much later counts from when it was made, which is known to the second."""
LAST_RATE_STEP = 30 * MICROS
"""The date of the last rate is written no more often than this: status is not a metric."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A resource with its ruling; `revision` is that of its service's newest document.

    `shadow` tells that it is a threshold in Shadow mode. Of a known resource with a new generation
    `edited_at` (microseconds, floored to the second) says when it was edited, if anybody knows.
    """

    ruling: Ruling
    revision: str
    previous: ResourceStatus | None
    shadow: bool = False
    approval: Approval | None = None
    edited_at: int | None = None

    @property
    def identity(self) -> Identity:
        """Which resource it is."""
        return self.ruling.identity


@dataclass(frozen=True, slots=True)
class Finding:
    """A condition before it is known since when it holds."""

    state: State
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Note:
    """An Event to post about a resource."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def status_of(judged: Judged, pods: Fleet, now: int) -> RateSourceStatus | ThresholdStatus:
    """Return the status that is true at `now` (microseconds)."""
    ruling = judged.ruling
    live = ruling.live
    rollout = _propagation(judged, live, pods, now) if live else None
    found: dict[ConditionType, Finding] = {
        ConditionType.ACCEPTED: Finding(
            "True" if ruling.accepted else "False", ruling.reason, ruling.message
        ),
        ConditionType.PROPAGATED: _propagated(judged, rollout, now),
    }
    reports = pods.reports(judged.identity)
    if judged.identity.kind == "FXRateSource":
        found[ConditionType.SOURCE_HEALTHY] = _source_healthy(live, reports)
    found[ConditionType.READY] = ready = _ready(ruling, found)
    found.update(_progress(ready))
    common = {
        "observed_generation": judged.identity.generation,
        "revision": rollout.revision if rollout else None,
        "conditions": tuple(_dated(judged, kind, finding, now) for kind, finding in found.items()),
        "propagation": rollout,
        "approved": judged.approval or (judged.previous and judged.previous.approved),
    }
    if judged.identity.kind == "FXRateSource":
        return RateSourceStatus.model_validate(
            common | {"last_rate_at": _last_rate(judged.previous, reports)}
        )
    shadow = _shadow(reports) if judged.shadow else None
    return ThresholdStatus.model_validate(common | {"shadow": shadow})


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


def deadline_of(status: ResourceStatus) -> int | None:
    """Return when an unfinished rollout becomes a stalled one, in microseconds."""
    rollout = status.propagation
    if rollout is None or rollout.completed_at is not None:
        return None
    return from_rfc3339(rollout.started_at) + DEADLINE


def _propagation(judged: Judged, live: Ruling, pods: Fleet, now: int) -> Propagation:
    identity, before = live.identity, _rollout_so_far(judged.previous, live)
    stands = [(pod, pods.stand(pod, identity, in_document=live.in_document)) for pod in pods.pods]
    completed = before.completed_at if before else None
    counted = [(p, s) for p, s in stands if completed is None or s is not Stand.UNKNOWN]
    applied = sum(stand is Stand.APPLIED for _, stand in counted)
    if completed is None and counted and applied == len(counted):
        completed = to_rfc3339(now)
    behind = [pod for pod, stand in counted if stand is not Stand.APPLIED]
    desired = len(counted)
    if completed is not None and pods.pods and not counted and before is not None:
        applied, desired = before.applied, before.desired
    return Propagation(
        generation=identity.generation,
        revision=before.revision if before else judged.revision,
        desired=desired,
        applied=applied,
        rejected=sum(_rejects(pods, pod) for pod in behind),
        summary=f"{applied}/{desired}",
        started_at=before.started_at if before else to_rfc3339(now),
        edited_at=before.edited_at if before else _seen_late(judged, now),
        completed_at=completed,
        lagging=tuple(_lagging(pods, pod) for pod in behind[:MAX_LAGGING]),
    )


def _rollout_so_far(previous: ResourceStatus | None, live: Ruling) -> Propagation | None:
    """Return the rollout that goes on, or None where another one begins.

    A generation that ends by its own time leaves the document, which is a rollout of its own.
    """
    before = previous.propagation if previous else None
    if previous is None or before is None or before.generation != live.identity.generation:
        return None
    accepted = previous.condition(ConditionType.ACCEPTED)
    if accepted is None or accepted.status != "True":
        return before
    was_in_document = accepted.reason in (Reason.ACCEPTED, Reason.NOT_YET_EFFECTIVE)
    return before if was_in_document is live.in_document else None


def _seen_late(judged: Judged, now: int) -> str | None:
    """Return when the edit was made whose rollout begins only now, or None.

    A resource that is new, or that was seen before and waited for another or for its time, begins
    now whenever it was edited.
    """
    edited_at = judged.edited_at
    if not judged.ruling.accepted or edited_at is None or now - edited_at < LATE:
        return None
    return to_rfc3339(edited_at)


def _rejects(pods: Fleet, pod: Pod) -> bool:
    ack = pods.acks.get(pod.uid)
    return ack is not None and ack.answer.error is not None


def _lagging(pods: Fleet, pod: Pod) -> LaggingPod:
    ack = pods.acks.get(pod.uid)
    if ack is None:
        return LaggingPod(pod=pod.name, error="has not answered yet")
    error = ack.error
    return LaggingPod(
        pod=pod.name, revision=ack.answer.revision, error=error and error[:MAX_MESSAGE]
    )


def _propagated(judged: Judged, rollout: Propagation | None, now: int) -> Finding:
    if rollout is None:
        return Finding("False", Progress.NOT_ACCEPTED, "it is in no document, see Accepted")
    if not judged.ruling.accepted:
        kept = f"generation {rollout.generation} stays in force, on {_pods(rollout.summary)}"
        return Finding("False", Progress.NOT_ACCEPTED, f"{kept}; see Accepted for the newest")
    service = "fx" if judged.identity.kind == "FXRateSource" else "risk"
    if rollout.lagging:
        return _behind(rollout, now)
    if rollout.completed_at is None or not rollout.desired:
        message = f"no {service} pod is ready; it takes effect when one starts"
        return Finding("Unknown", Progress.NO_PODS, message)
    many = _pods(rollout.summary, service)
    message = f"generation {rollout.generation} is applied by {many}"
    return Finding("True", Progress.PROPAGATED, message)


def _behind(rollout: Propagation, now: int) -> Finding:
    pods = "; ".join(f"{p.pod}: {p.error or 'runs ' + str(p.revision)}" for p in rollout.lagging)
    message = f"applied by {_pods(rollout.summary)}, not by {pods}"
    if rollout.completed_at is not None:
        return Finding("False", Progress.DRIFTED, message)
    if rollout.rejected:
        return Finding("False", Progress.REJECTED, message)
    if now - from_rfc3339(rollout.started_at) >= DEADLINE:
        hint = f"not by all pods within {DEADLINE // MICROS} s: {message}; see these pods' logs"
        return Finding("False", Progress.TIMEOUT, hint)
    return Finding("False", Progress.PROPAGATING, message)


def _source_healthy(live: Ruling | None, reports: list[tuple[Pod, Report]]) -> Finding:
    if live is None or not live.in_force:
        return Finding("Unknown", Progress.NOT_ASKED, "a source that is not in force is not asked")
    ill = [(pod, report) for pod, report in reports if report.healthy is False]
    if ill:
        pod, report = ill[0]
        many = f"{len(ill)} of {_pods(len(reports))}, {pod.name}: {report.error}"
        return Finding("False", _camel(report.reason) or Progress.UNHEALTHY, many)
    if not reports or any(report.healthy is None for _, report in reports):
        return Finding("Unknown", Progress.PENDING, "it has not answered yet")
    return Finding("True", Progress.HEALTHY, f"gives every rate to {_pods(len(reports))}")


def _pods(count: int | str, service: str = "") -> str:
    """Return how many pods, of how many if it is a share: `1 pod`, `3/3 fx pods`."""
    noun = "pod" if str(count).rpartition("/")[2] == "1" else "pods"
    return " ".join(filter(None, (str(count), service, noun)))


def _camel(reason: str | None) -> str:
    """Write a service's word as a condition's reason: `too_large` as `TooLarge`."""
    return "".join(part.capitalize() for part in re.split("[^A-Za-z0-9]", reason or ""))


def _ready(ruling: Ruling, found: dict[ConditionType, Finding]) -> Finding:
    if not ruling.accepted:
        return Finding("False", ruling.reason, ruling.message)
    propagated = found[ConditionType.PROPAGATED]
    if propagated.state != "True":
        return Finding("False", propagated.reason, propagated.message)
    if ruling.reason is not Reason.ACCEPTED:
        return Finding("True", ruling.reason, ruling.message)
    healthy = found.get(ConditionType.SOURCE_HEALTHY)
    if healthy is not None and healthy.state != "True":
        # One reason for all that ails a source, so that an Event is posted once.
        ill = healthy.state == "False"
        reason = Progress.UNHEALTHY if ill else healthy.reason
        return Finding("False", reason, healthy.message)
    return Finding("True", Progress.IN_FORCE, propagated.message)


_UNDER_WAY = frozenset({Progress.PROPAGATING, Progress.PENDING, Progress.NO_PODS})
_STUCK = frozenset(
    {
        *(Reason.INVALID, Reason.CONFLICTED, Reason.TOO_LARGE, Reason.TICKET_REQUIRED),
        *(Progress.TIMEOUT, Progress.REJECTED),
    }
)


def _progress(ready: Finding) -> dict[ConditionType, Finding]:
    """Return the condition that tells kstatus to wait, or to give up."""
    if ready.state == "True":
        return {}
    said = Finding("True", ready.reason, ready.message)
    if ready.reason in _UNDER_WAY:
        return {ConditionType.RECONCILING: said}
    return {ConditionType.STALLED: said} if ready.reason in _STUCK else {}


def _dated(judged: Judged, kind: ConditionType, finding: Finding, now: int) -> Condition:
    before = judged.previous.condition(kind) if judged.previous else None
    same = before is not None and before.status == finding.state
    return Condition(
        type=kind,
        status=finding.state,
        observed_generation=judged.identity.generation,
        last_transition_time=before.last_transition_time if before and same else _whole(now),
        reason=finding.reason,
        message=finding.message[:MAX_MESSAGE],
    )


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
