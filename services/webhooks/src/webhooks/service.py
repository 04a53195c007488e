"""The use cases of webhooks: how destinations do, what was sent, and sending it again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import RowMapping
from structlog.typing import FilteringBoundLogger

from kurs.config.resources import EventDestinationSpec
from kurs.data.database import Database
from kurs.kernel.caller import Caller
from kurs.kernel.clock import MICROS, Clock
from kurs.kernel.errors import Problem
from kurs.telemetry.audit_log import audit
from webhooks.destinations import Destinations
from webhooks.domain.delivery import read_delivery_id
from webhooks.domain.health import Reason
from webhooks.errors import DeliveryNotFound, DestinationNotFound
from webhooks.metrics import WebhookMetrics
from webhooks.schemas import DeliveryQuery
from webhooks.standings import DestinationStanding, Standings
from webhooks.store import again, leases, reads, unread
from webhooks.store.again import Replayed
from webhooks.store.reads import Place
from webhooks.trial import Trial, TriedEvent

_STATES = ("ready", "retrying", "failing", "gone", "suspended")
_STATE_OF: Mapping[Reason, str] = {
    "Retrying": "retrying",
    "Refused": "retrying",
    "Failing": "failing",
    "Gone": "gone",
    "Suspended": "suspended",
}
_OURS = frozenset[Reason]({"Delivering", "Waiting", "FeedUnread"})


class KnownDestination(NamedTuple):
    """A destination in force, and how it does."""

    name: str
    spec: EventDestinationSpec
    standing: DestinationStanding


class WebhookService:
    """Answers for the merchant who asks, and for this replica's metrics."""

    def __init__(
        self,
        database: Database,
        destinations: Destinations,
        standings: Standings,
        trial: Trial,
        *,
        metrics: WebhookMetrics,
        owner: str,
        clock: Clock,
        logger: FilteringBoundLogger,
    ) -> None:
        self._database = database
        self._destinations = destinations
        self._standings = standings
        self._trial = trial
        self._metrics = metrics
        self._owner = owner
        self._clock = clock
        self._log = logger

    async def list_destinations(self, caller: Caller) -> list[KnownDestination]:
        """Return the merchant's destinations, by name."""
        specs = self._destinations.of(caller.merchant)
        told = await self._standings.of(specs)
        return [KnownDestination(name, spec, told[name]) for name, spec in sorted(specs.items())]

    async def list_deliveries(
        self, caller: Caller, query: DeliveryQuery, before: Place | None
    ) -> Sequence[RowMapping]:
        """Return deliveries to the merchant's destinations; raises DestinationNotFound.

        One more than the query's limit says that there are more.
        """
        if query.destination is None:
            names = list(self._destinations.of(caller.merchant))
        else:
            names = [self._own(caller, query.destination)]
        find = partial(
            reads.list_deliveries,
            names=names,
            merchant=caller.merchant,
            state=query.status,
            sequences=[int(each) for each in (query.sequences or "").split(",") if each],
            before=before,
            limit=query.limit + 1,
        )
        return await self._database.read(find)

    async def redeliver(self, caller: Caller, delivery_id: str) -> None:
        """Send one event again; raises DeliveryNotFound."""
        destination, sequence = read_delivery_id(delivery_id) or (delivery_id, None)
        with self._audited(caller, "redeliver", destination, sequence=sequence):
            if not await self._again(caller, destination, sequence):
                raise DeliveryNotFound(f"no delivery '{delivery_id}' is kept")

    async def _again(self, caller: Caller, destination: str, sequence: int | None) -> bool:
        if sequence is None or destination not in self._destinations.of(caller.merchant):
            return False
        redelivered = partial(
            again.redeliver,
            destination=destination,
            merchant=caller.merchant,
            sequence=sequence,
            now=self._clock.now(),
        )
        return await self._database.write(redelivered)

    async def replay(self, caller: Caller, destination: str, after: int) -> Replayed:
        """Send the events after a sequence again; raises DestinationNotFound."""
        with self._audited(caller, "replay", destination, sequence=after):
            replay = partial(
                again.replay,
                destination=self._own(caller, destination),
                merchant=caller.merchant,
                after=after,
                now=self._clock.now(),
            )
            return await self._database.write(replay)

    async def send_test(self, caller: Caller, destination: str) -> TriedEvent:
        """Send a test event and wait for its answer; raises DestinationNotFound, Overloaded."""
        with self._audited(caller, "test", destination) as facts:
            name = self._own(caller, destination)
            spec = self._destinations.in_force[name]
            tried = await self._trial.send(name, spec, caller.actor)
            facts["event_id"] = tried.event_id
        return tried

    async def report(self) -> None:
        """Publish how the destinations of this replica do."""
        self._metrics.unread_events.set(await self._database.read(unread.count))
        held = await self._database.read(partial(leases.news_of, owner=self._owner))
        specs = {n: s for n, s in self._destinations.in_force.items() if n in held}
        self._publish(await self._standings.of(specs))

    def _publish(self, told: Mapping[str, DestinationStanding]) -> None:
        now = self._clock.now()
        counts = dict.fromkeys(_STATES, 0)
        waiting = oldest = 0
        for each in told.values():
            if each.standing is None:
                continue
            counts[_STATE_OF.get(each.reason, "ready")] += 1
            waiting += each.standing.waiting
            since = each.standing.oldest_waiting_at
            # What its receiver does not take is told by its state.
            if each.reason in _OURS and since is not None:
                oldest = max(oldest, now - since)
        self._metrics.waiting.set(waiting)
        self._metrics.oldest.set(oldest / MICROS)
        for state, count in counts.items():
            self._metrics.unhealthy.labels(state).set(count)

    def _own(self, caller: Caller, destination: str) -> str:
        if destination not in self._destinations.of(caller.merchant):
            raise DestinationNotFound(f"no destination '{destination}'")
        return destination

    @contextmanager
    def _audited(
        self, caller: Caller, action: str, destination: str, **facts: Any
    ) -> Iterator[dict[str, Any]]:
        """Write an audit line of what is done in here, also when a Problem refuses it.

        Yields its facts, which may grow.
        """
        actor = caller.actor
        try:
            yield facts
        except Problem as problem:
            code = problem.code
            audit(self._log, action, actor=actor, outcome=code, destination=destination, **facts)
            raise
        audit(self._log, action, actor=actor, outcome="done", destination=destination, **facts)
