"""What is found about a resource, condition by condition, before it is known since when. Pure."""

import re
from dataclasses import dataclass

from kurs.kernel.clock import MICROS, from_rfc3339
from kurs_operator.conditions import ConditionType, Progress, Propagation, State
from kurs_operator.documents import SERVICE_OF
from kurs_operator.fleet import Fleet, Pod, Report
from kurs_operator.judged import Judged
from kurs_operator.rollout import DEADLINE
from kurs_operator.ruling import Reason, Ruling

FRESH = 30 * MICROS
"""For how long it is believed what pods said of how a destination does."""


@dataclass(frozen=True, slots=True)
class ConditionState:
    """A condition before it is known since when it holds."""

    state: State
    reason: str
    message: str


def condition_states(
    judged: Judged, rollout: Propagation | None, pods: Fleet, now: int
) -> dict[ConditionType, ConditionState]:
    """Return every condition that stands at `now` (microseconds)."""
    ruling = judged.ruling
    accepted = ConditionState("True" if ruling.accepted else "False", ruling.reason, ruling.message)
    found = {
        ConditionType.ACCEPTED: accepted,
        ConditionType.PROPAGATED: _propagated(judged, rollout, now),
    }
    if judged.identity.kind == "FXRateSource":
        reports = pods.reports(judged.identity)
        found[ConditionType.SOURCE_HEALTHY] = _source_healthy(ruling.live, reports)
    if judged.identity.kind == "EventDestination":
        found[ConditionType.DELIVERING] = _delivering(judged, pods, now)
    found[ConditionType.READY] = ready = _ready(ruling, found)
    return found | _progress(ready)


def _propagated(judged: Judged, rollout: Propagation | None, now: int) -> ConditionState:
    if rollout is None:
        return ConditionState("False", Progress.NOT_ACCEPTED, "it is in no document, see Accepted")
    if not judged.ruling.accepted:
        kept = f"generation {rollout.generation} stays in force, on {_pods(rollout.summary)}"
        return ConditionState(
            "False", Progress.NOT_ACCEPTED, f"{kept}; see Accepted for the newest"
        )
    service = SERVICE_OF[judged.identity.kind].name
    if rollout.lagging:
        return _behind(rollout, now)
    if rollout.completed_at is None or not rollout.desired:
        message = f"no {service} pod is ready; it takes effect when one starts"
        return ConditionState("Unknown", Progress.NO_PODS, message)
    many = _pods(rollout.summary, service)
    message = f"generation {rollout.generation} is applied by {many}"
    return ConditionState("True", Progress.PROPAGATED, message)


def _behind(rollout: Propagation, now: int) -> ConditionState:
    pods = "; ".join(f"{p.pod}: {p.error or 'runs ' + str(p.revision)}" for p in rollout.lagging)
    message = f"applied by {_pods(rollout.summary)}, not by {pods}"
    if rollout.completed_at is not None:
        return ConditionState("False", Progress.DRIFTED, message)
    if rollout.rejected:
        return ConditionState("False", Progress.REJECTED, message)
    if now - from_rfc3339(rollout.started_at) >= DEADLINE:
        hint = f"not by all pods within {DEADLINE // MICROS} s: {message}; see these pods' logs"
        return ConditionState("False", Progress.TIMEOUT, hint)
    return ConditionState("False", Progress.PROPAGATING, message)


def _source_healthy(live: Ruling | None, reports: list[tuple[Pod, Report]]) -> ConditionState:
    if live is None or not live.in_force:
        return ConditionState(
            "Unknown", Progress.NOT_ASKED, "a source that is not in force is not asked"
        )
    ill = [(pod, report) for pod, report in reports if report.healthy is False]
    if ill:
        pod, report = ill[0]
        many = f"{len(ill)} of {_pods(len(reports))}, {pod.name}: {report.error}"
        return ConditionState("False", _camel(report.reason) or Progress.UNHEALTHY, many)
    if not reports or any(report.healthy is None for _, report in reports):
        return ConditionState("Unknown", Progress.PENDING, "it has not answered yet")
    return ConditionState("True", Progress.HEALTHY, f"gives every rate to {_pods(len(reports))}")


def _delivering(judged: Judged, pods: Fleet, now: int) -> ConditionState:
    if judged.ruling.live is None:
        return ConditionState(
            "Unknown", Progress.NOT_ASKED, "it is in no document: nothing is sent there"
        )
    report = pods.newest_report(judged.identity, now - FRESH)
    if report is None:
        if not pods.reports(judged.identity):
            return ConditionState(
                "Unknown", Progress.PENDING, "webhooks has not said yet how it does"
            )
        nobody = f"no pod of webhooks has said for {FRESH // MICROS} s how it does"
        return ConditionState("Unknown", Progress.SILENT, nobody)
    message = report.error or "webhooks says no more"
    if report.healthy is None:
        silent = report.reason == Progress.SILENT
        return ConditionState("Unknown", Progress.SILENT if silent else Progress.PENDING, message)
    state: State = "True" if report.healthy else "False"
    return ConditionState(state, report.reason or Progress.UNHEALTHY, message)


def _pods(count: int | str, service: str = "") -> str:
    """Return how many pods, of how many if it is a share: `1 pod`, `3/3 fx pods`."""
    noun = "pod" if str(count).rpartition("/")[2] == "1" else "pods"
    return " ".join(filter(None, (str(count), service, noun)))


def _camel(reason: str | None) -> str:
    """Write a service's word as a condition's reason: `too_large` as `TooLarge`."""
    return "".join(part.capitalize() for part in re.split("[^A-Za-z0-9]", reason or ""))


def _ready(ruling: Ruling, found: dict[ConditionType, ConditionState]) -> ConditionState:
    if not ruling.accepted:
        return ConditionState("False", ruling.reason, ruling.message)
    propagated = found[ConditionType.PROPAGATED]
    if propagated.state != "True":
        return ConditionState("False", propagated.reason, propagated.message)
    if ruling.reason is not Reason.ACCEPTED:
        return ConditionState("True", ruling.reason, ruling.message)
    healthy = found.get(ConditionType.SOURCE_HEALTHY)
    if healthy is not None and healthy.state != "True":
        # One reason for all that ails a source, so that an Event is posted once.
        ill = healthy.state == "False"
        reason = Progress.UNHEALTHY if ill else healthy.reason
        return ConditionState("False", reason, healthy.message)
    delivering = found.get(ConditionType.DELIVERING)
    if delivering is not None and delivering.state != "True":
        return ConditionState("False", delivering.reason, delivering.message)
    return ConditionState("True", Progress.IN_FORCE, propagated.message)


_UNDER_WAY = frozenset({Progress.PROPAGATING, Progress.PENDING, Progress.NO_PODS})
_STUCK = frozenset(
    {
        *(Reason.INVALID, Reason.CONFLICTED, Reason.TOO_LARGE, Reason.TICKET_REQUIRED),
        *(Progress.TIMEOUT, Progress.REJECTED),
    }
)


def _progress(ready: ConditionState) -> dict[ConditionType, ConditionState]:
    """Return the condition that tells kstatus to wait, or to give up."""
    if ready.state == "True":
        return {}
    said = ConditionState("True", ready.reason, ready.message)
    if ready.reason in _UNDER_WAY:
        return {ConditionType.RECONCILING: said}
    return {ConditionType.STALLED: said} if ready.reason in _STUCK else {}
