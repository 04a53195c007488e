"""One step of the operator: make documents, poke, follow and statuses what they must be by now.

Level-based: a step looks at what is there, not at what happened, so that a lost event or a crash
in the middle changes nothing about where it ends.
"""

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from kurs.config.resources import Document
from kurs.kernel.clock import MICROS, Clock, from_rfc3339, to_rfc3339
from kurs.telemetry import Telemetry, inject
from kurs.telemetry.audit_log import audit
from kurs_operator.approvals import compile_approved
from kurs_operator.asking import Acknowledgements
from kurs_operator.cache import RESYNC_SECONDS, NamespaceCache
from kurs_operator.cluster import ClusterFault, ClusterPort, each
from kurs_operator.conditions import (
    Approval,
    ConditionType,
    Progress,
    RateSourceStatus,
    ResourceStatus,
    ThresholdStatus,
)
from kurs_operator.documents import SERVICES, Service, Written, written
from kurs_operator.edits import last_edit
from kurs_operator.fleet import Fleet, fleet
from kurs_operator.judging import Approvals
from kurs_operator.last_good import hold_last_good, with_refused
from kurs_operator.metrics import OperatorMetrics
from kurs_operator.pokes import Pokes
from kurs_operator.remembering import Remembering
from kurs_operator.ruling import Identity, Ruling
from kurs_operator.settings import CHANGE_TICKET
from kurs_operator.status import DEADLINE, Judged, deadline_of, notes, status_of

MINOR_SECONDS = 2.0
"""A status in which no condition turned is written no more often than this."""
_STATUSES: dict[str, type[RateSourceStatus] | type[ThresholdStatus]] = {
    "FXRateSource": RateSourceStatus,
    "RiskThreshold": ThresholdStatus,
}


@dataclass(frozen=True, slots=True)
class _Turn:
    """What the status of a resource was, and what it must be by `now` (microseconds)."""

    identity: Identity
    previous: ResourceStatus | None
    status: ResourceStatus
    now: int

    @property
    def took(self) -> float | None:
        """Seconds from the edit to the end of its rollout, in force everywhere or stalled.

        None if it has not ended in this turn. One that stalls counts as the whole deadline, and
        once, whatever becomes of it later.
        """
        rollout = self.status.propagation
        if rollout is None or not _is_over(self.status):
            return None
        before = self.previous
        started_at = before.propagation.started_at if before and before.propagation else None
        if before and started_at == rollout.started_at and _is_over(before):
            return None
        if rollout.completed_at is None:
            return DEADLINE / MICROS
        return (self.now - from_rfc3339(rollout.edited_at or rollout.started_at)) / MICROS


class Reconciler:
    """Holds what one step leaves to the next, none of which a restart would miss."""

    def __init__(
        self,
        cluster: ClusterPort,
        acks: Acknowledgements,
        *,
        metrics: OperatorMetrics,
        telemetry: Telemetry,
        clock: Clock,
        ticket: re.Pattern[str] = re.compile(CHANGE_TICKET),
    ) -> None:
        self._cluster = cluster
        self._ticket = ticket
        self._acks = acks
        self._metrics = metrics
        self._tracer = telemetry.tracer
        self._logger = telemetry.logger
        self._clock = clock
        self._cache = NamespaceCache(cluster)
        self._pokes = Pokes(cluster.poke)
        self._remembering = Remembering(cluster, clock=clock, telemetry=telemetry)
        self._written: dict[str, Written] = {}
        self._since: dict[str, int] = {}
        self._told_at: dict[str, int] = {}
        self._faulty: frozenset[Identity] = frozenset()
        self.settled = False
        """Whether a step has come to its end, so that documents are what they must be."""

    async def step(self, woken: frozenset[Hashable]) -> float | None:
        """Do what is due; return in how many seconds to look again. Raises ClusterFault."""
        await self._cache.refresh(woken)
        now = self._clock.now()
        documents, known = self._documents(), self._approvals()
        resources, refused_edits = hold_last_good(self._cache.resources(), documents)
        approved = compile_approved(resources, known, documents, now=now, ticket=self._ticket)
        compilation = approved.compilation
        for name, service in SERVICES.items():
            await self._publish(service, compilation.documents[name])
        digests = {name: document.digest for name, document in self._written.items()}
        self._acks.follow(self._cache.pods, digests)
        faults = await self._pokes.poke(self._cache.pods, digests, self._acks.known)
        rulings = with_refused(compilation.rulings, {**approved.refused, **refused_edits})
        self._log_faults(rulings)
        again, unwritten = await self._tell(rulings, approved.approvals, now)
        await self._remembering.keep(compilation.documents["fx"], self._acks.known.values())
        self.settled = True
        if faults or unwritten:
            raise (faults + unwritten)[0]
        due = [again, RESYNC_SECONDS, *self._pokes.due()]
        if compilation.next_change is not None:
            due.append(max(0.0, (compilation.next_change - self._clock.now()) / MICROS))
        return min(due)

    def _log_faults(self, rulings: Iterable[Ruling]) -> None:
        """Say once of a generation what nobody foresaw about it."""
        faults = {ruling.identity: ruling.fault for ruling in rulings if ruling.fault}
        for identity in faults.keys() - self._faulty:
            self._logger.error(
                "resource cannot be read",
                resource=str(identity),
                generation=identity.generation,
                error=faults[identity],
            )
        self._faulty = frozenset(faults)

    def _approvals(self) -> Approvals:
        """Return as what each resource was approved, as its status has it."""
        known = {
            Identity.of(body).uid: _previous(kind, body.get("status"))
            for kind in _STATUSES
            for body in self._cache.bodies.get(kind, {}).values()
        }
        return {uid: s.approved for uid, s in known.items() if s is not None and s.approved}

    def _documents(self) -> list[Document]:
        """Return what may hold a last good generation; what this process wrote comes last."""
        there = [self._cache.document(service) for service in SERVICES]
        known = [*there, *map(self._written.get, SERVICES)]
        return [each_one.document for each_one in known if each_one is not None]

    async def _publish(self, service: Service, wanted: Document) -> None:
        """Let the ConfigMap hold `wanted`."""
        there, before = self._cache.document(service.name), self._written.get(service.name)
        repaired = before is not None and before.document.says_the_same(wanted)
        if there is not None and there.document.says_the_same(wanted):
            if before is None or not repaired:
                self._keep(service, there)
                return
            # By the text: who edited what is no part of what a document says, and may be forged.
            if there.text == before.text:
                return
        with self._tracer.start_as_current_span(
            "reconcile",
            attributes={"kurs.service": service.name, "config.revision": wanted.revision},
        ):
            made = before if before is not None and repaired else written(wanted, inject())
            await self._cluster.apply_document(service.config_map, made.text)
        self._cache.texts = {**self._cache.texts, service.config_map: made.text}
        self._keep(service, made)
        cause = "repaired" if repaired else "changed"
        self._metrics.writes.labels(service.name, cause).inc()
        self._logger.info(
            "document written", document=service.config_map, revision=wanted.revision, cause=cause
        )

    def _keep(self, service: Service, made: Written) -> None:
        self._written[service.name] = made
        self._since[service.name] = self._clock.now()

    async def _tell(
        self, rulings: Iterable[Ruling], approvals: Approvals, now: int
    ) -> tuple[float, list[ClusterFault]]:
        """Write the statuses that are not what they must be."""
        fleets = {
            name: fleet(name, self._cache.pods, self._acks.known, self._since.get(name, 0))
            for name in SERVICES
        }
        again, calls, shown = RESYNC_SECONDS, [], []
        for ruling in rulings:
            identity = ruling.identity
            service = _service_of(identity)
            judged = self._judged(ruling, service, approvals.get(identity.uid))
            pods: Fleet = fleets[service.name]
            status = status_of(judged, pods, now)
            shown.append((identity, status))
            turn = _Turn(identity, judged.previous, status, now)
            if status == judged.previous:
                self._metrics.reconciles.labels(identity.kind, "unchanged").inc()
            elif (wait := self._postponed(turn)) > 0:
                again = min(again, wait)
            else:
                calls.append(self._write(turn))
            deadline = deadline_of(status)
            if deadline is not None and deadline > now:
                again = min(again, (deadline - now) / MICROS)
        self._metrics.show(shown)
        return again, await each(calls)

    def _judged(self, ruling: Ruling, service: Service, approval: Approval | None) -> Judged:
        body = self._cache.body(ruling.identity)
        document = self._written.get(service.name)
        previous = _previous(ruling.identity.kind, body.get("status"))
        edited = previous and previous.observed_generation != ruling.identity.generation
        edit = last_edit(body) if edited else None
        return Judged(
            ruling,
            document.document.revision if document else "",
            previous,
            shadow=_spec(body).get("mode") == "Shadow",
            approval=approval,
            edited_at=edit.at if edit else None,
        )

    def _postponed(self, turn: _Turn) -> float:
        """Return for how many seconds a mere count can wait."""
        before = turn.previous
        if before is None or _turning_points(before) != _turning_points(turn.status):
            return 0.0
        told_at = self._told_at.get(turn.identity.uid, 0)
        return MINOR_SECONDS - (self._clock.now() - told_at) / MICROS

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
        if (seconds := turn.took) is not None:
            self._metrics.propagation.labels(identity.kind).observe(seconds)
        for note in notes(turn.previous, turn.status):
            await self._cluster.post_event(identity, note)


def _spec(body: Mapping[str, Any]) -> Mapping[str, Any]:
    spec = body.get("spec")
    return spec if isinstance(spec, Mapping) else {}


def _service_of(identity: Identity) -> Service:
    return next(s for s in SERVICES.values() if s.kind == identity.kind)


def _previous(kind: str, content: object) -> ResourceStatus | None:
    if not content:
        return None
    try:
        return _STATUSES[kind].model_validate(content)
    except ValidationError:
        # Someone else wrote into it, or an older version did: it is written anew.
        return None


def _is_over(status: ResourceStatus) -> bool:
    """Tell whether a rollout has come to its end, or stalls."""
    propagated = status.condition(ConditionType.PROPAGATED)
    if propagated is not None and propagated.reason in (Progress.TIMEOUT, Progress.REJECTED):
        return True
    return status.propagation is not None and status.propagation.completed_at is not None


def _turning_points(status: ResourceStatus) -> list[tuple[object, ...]]:
    turns: list[tuple[object, ...]] = [(c.type, c.status, c.reason) for c in status.conditions]
    rollout = status.propagation
    completed = rollout.completed_at if rollout else None
    return [*turns, (status.observed_generation, completed, status.approved)]
