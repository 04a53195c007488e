"""Statuses as they must be by now, and those that the cluster holds: writes what differs.

An Event is posted and an edit logged where a status was written that tells of it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from kurs.kernel.clock import MICROS, Clock, to_rfc3339
from kurs.telemetry import Telemetry
from kurs.telemetry.audit_log import audit
from kurs_operator.cache import RESYNC_SECONDS, NamespaceCache
from kurs_operator.cluster import ClusterFault, ClusterPort, Content, each
from kurs_operator.conditions import ApprovedStatus, ConditionType, ResourceStatus
from kurs_operator.documents import SERVICE_OF
from kurs_operator.edits import last_edit
from kurs_operator.judged import Judged
from kurs_operator.judging import Approvals
from kurs_operator.metrics import OperatorMetrics
from kurs_operator.publishing import Published
from kurs_operator.rollout import deadline_of, seconds_to_end
from kurs_operator.ruling import Identity, Ruling
from kurs_operator.status import Note, notes, status_of

MINOR_SECONDS = 2.0
"""A status in which no condition turned is written no more often than this."""
MINOR_WRITES = 10
"""And of one kind no more of them a second: a thousand destinations are no load."""
NOTE_SECONDS = 600.0
"""A receiver that fails now and then is told of by an Event no more often than this."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What the status of a resource was, and what it must be by `now` (microseconds)."""

    identity: Identity
    previous: ResourceStatus | None
    status: ResourceStatus
    now: int


class StatusWriter:
    """Holds when each status was written last, which a restart may forget."""

    def __init__(
        self,
        cluster: ClusterPort,
        cache: NamespaceCache,
        *,
        metrics: OperatorMetrics,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._metrics = metrics
        self._logger = telemetry.logger
        self._clock = clock
        self._told_at: dict[str, int] = {}
        self._noted_at: dict[tuple[str, int, str], int] = {}

    def approvals(self) -> Approvals:
        """Return as what each resource was approved, as its status has it."""
        bodies = {Identity.of(body): body for body in self._cache.resources()}
        known = {identity.uid: _previous(identity, body) for identity, body in bodies.items()}
        judged = {uid: s for uid, s in known.items() if isinstance(s, ApprovedStatus)}
        return {uid: s.approved for uid, s in judged.items() if s.approved}

    async def tell(
        self,
        rulings: Iterable[Ruling],
        approvals: Approvals,
        published: Mapping[str, Published],
        now: int,
    ) -> tuple[float, list[ClusterFault]]:
        """Write the statuses that differ; return in how many seconds to look again, and faults.

        `published` is by service, `now` in microseconds.
        """
        turns = [
            self._turn(ruling, approvals, published[SERVICE_OF[ruling.identity.kind].name], now)
            for ruling in rulings
        ]
        self._metrics.show((turn.identity, turn.status) for turn in turns)
        again, due = RESYNC_SECONDS, []
        many = Counter(turn.identity.kind for turn in turns)
        for turn in turns:
            if turn.status == turn.previous:
                self._metrics.reconciles.labels(turn.identity.kind, "unchanged").inc()
            elif (wait := self._postponed(turn, many[turn.identity.kind])) > 0:
                again = min(again, wait)
            else:
                due.append(turn)
            deadline = deadline_of(turn.status)
            if deadline is not None and deadline > now:
                again = min(again, (deadline - now) / MICROS)
        return again, await each(map(self._write, due))

    def _turn(self, ruling: Ruling, approvals: Approvals, published: Published, now: int) -> _Turn:
        identity = ruling.identity
        body = self._cache.body(identity)
        previous = _previous(identity, body)
        edited = previous and previous.observed_generation != identity.generation
        edit = last_edit(body) if edited else None
        judged = Judged(
            ruling,
            published.revision,
            previous,
            shadow=_spec(body).get("mode") == "Shadow",
            approval=approvals.get(identity.uid),
            edited_at=edit.at if edit else None,
        )
        return _Turn(identity, previous, status_of(judged, published.fleet, now), now)

    def _postponed(self, turn: _Turn, many: int) -> float:
        """Return for how many seconds a mere count of one of `many` resources can wait."""
        before = turn.previous
        if before is None or _turning_points(before) != _turning_points(turn.status):
            return 0.0
        told_at = self._told_at.get(turn.identity.uid, 0)
        pause = max(MINOR_SECONDS, many / MINOR_WRITES)
        return pause - (self._clock.now() - told_at) / MICROS

    def _audit(self, turn: _Turn, body: Mapping[str, Any]) -> None:
        """Log who edited a resource, once for each generation that is seen."""
        identity, before = turn.identity, turn.previous
        if before is not None and before.observed_generation == identity.generation:
            return
        edit = last_edit(body)
        accepted = turn.status.condition(ConditionType.ACCEPTED)
        audit(
            self._logger,
            "edit",
            actor=edit.by if edit else "unknown",
            outcome=accepted.reason if accepted else "unknown",
            resource=str(identity),
            uid=identity.uid,
            generation=identity.generation,
            edited_at=to_rfc3339(edit.at) if edit else None,
            ticket=_spec(body).get("changeTicket"),
        )

    async def _write(self, turn: _Turn) -> None:
        identity = turn.identity
        content = turn.status.model_dump(mode="json", by_alias=True, exclude_none=True)
        result = "failed"
        try:
            body = await self._cluster.write_status(identity, content)
            result = "written"
        finally:
            self._metrics.reconciles.labels(identity.kind, result).inc()
        self._cache.replace(identity, body)
        self._told_at[identity.uid] = self._clock.now()
        self._audit(turn, body)
        seconds = seconds_to_end(turn.previous, turn.status, turn.now)
        if seconds is not None:
            self._metrics.propagation.labels(identity.kind).observe(seconds)
        for note in notes(turn.previous, turn.status):
            if self._is_news(turn, note):
                await self._cluster.post_event(identity, note)

    def _is_news(self, turn: _Turn, note: Note) -> bool:
        """Tell whether to post an Event: not of each event that a receiver did not take at once."""
        if turn.identity.kind != "EventDestination":
            return True
        subject = (turn.identity.uid, turn.identity.generation, note.reason)
        noted_at = self._noted_at.get(subject)
        if noted_at is not None and turn.now - noted_at < NOTE_SECONDS * MICROS:
            return False
        # Those of long ago say nothing any more.
        recent = {
            s: at for s, at in self._noted_at.items() if turn.now - at < NOTE_SECONDS * MICROS
        }
        self._noted_at = {**recent, subject: turn.now}
        return True


def _spec(body: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = body.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _previous(identity: Identity, body: Content) -> ResourceStatus | None:
    content = body.get("status")
    if not content:
        return None
    try:
        return SERVICE_OF[identity.kind].status.model_validate(content)
    except ValidationError:
        # Someone else wrote into it, or an older version did: it is written anew.
        return None


def _turning_points(status: ResourceStatus) -> list[tuple[object, ...]]:
    turns: list[tuple[object, ...]] = [(c.type, c.status, c.reason) for c in status.conditions]
    rollout = status.propagation
    completed = rollout.completed_at if rollout else None
    approved = status.approved if isinstance(status, ApprovedStatus) else None
    return [*turns, (status.observed_generation, completed, approved)]
