"""How far a generation of a resource has come on the pods, and when that is over. Pure.

Once all counted pods ran it, a rollout stays complete while pods come and go; only a pod that
answers otherwise takes that back.
"""

from kurs.kernel.clock import MICROS, from_rfc3339, to_rfc3339
from kurs_operator.conditions import (
    MAX_LAGGING,
    MAX_MESSAGE,
    ConditionType,
    LaggingPod,
    Progress,
    Propagation,
    ResourceStatus,
)
from kurs_operator.fleet import Fleet, Pod, Stand
from kurs_operator.judged import Judged
from kurs_operator.ruling import Reason, Ruling

DEADLINE = 60 * MICROS
"""How long a rollout may take before it is called stalled."""
LATE = 2 * MICROS
"""An edit that is seen so much later counts from when it was made, which is known to the second."""


def deadline_of(status: ResourceStatus) -> int | None:
    """Return when an unfinished rollout becomes a stalled one, in microseconds."""
    rollout = status.propagation
    if rollout is None or rollout.completed_at is not None:
        return None
    return from_rfc3339(rollout.started_at) + DEADLINE


def seconds_to_end(
    previous: ResourceStatus | None, status: ResourceStatus, now: int
) -> float | None:
    """Return the seconds from the edit to the end of its rollout, in force everywhere or stalled.

    None if it has not ended between the two statuses. One that stalls counts as the whole deadline,
    and once, whatever becomes of it later. `now` is microseconds.
    """
    rollout = status.propagation
    if rollout is None or not _is_over(status):
        return None
    begun = previous.propagation if previous else None
    if previous and begun and begun.started_at == rollout.started_at and _is_over(previous):
        return None
    if rollout.completed_at is None:
        return DEADLINE / MICROS
    return (now - from_rfc3339(rollout.edited_at or rollout.started_at)) / MICROS


def _is_over(status: ResourceStatus) -> bool:
    """Tell whether a rollout has come to its end, or stalls."""
    propagated = status.condition(ConditionType.PROPAGATED)
    if propagated is not None and propagated.reason in (Progress.TIMEOUT, Progress.REJECTED):
        return True
    return status.propagation is not None and status.propagation.completed_at is not None


def propagation(judged: Judged, live: Ruling, pods: Fleet, now: int) -> Propagation:
    """Return how far the generation of `live` has come by `now` (microseconds)."""
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
