"""One step of the operator: make documents, poke, follow and statuses what they must be by now.

Level-based: a step looks at what is there, not at what happened, so that a lost event or a crash
in the middle changes nothing about where it ends.
"""

import asyncio
import re
from collections.abc import Hashable, Iterable

from kurs.kernel.clock import MICROS, Clock
from kurs.telemetry import Telemetry
from kurs_operator.approvals import compile_approved
from kurs_operator.asking import Acknowledgements
from kurs_operator.cache import RESYNC_SECONDS, NamespaceCache
from kurs_operator.cluster import ClusterPort
from kurs_operator.compile import compile_resources
from kurs_operator.last_good import hold_last_good, with_refused
from kurs_operator.metrics import OperatorMetrics
from kurs_operator.pokes import Pokes
from kurs_operator.publishing import Publisher
from kurs_operator.remembering import Remembering
from kurs_operator.ruling import Identity, Ruling
from kurs_operator.settings import CHANGE_TICKET
from kurs_operator.status_writer import StatusWriter


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
        self._ticket = ticket
        self._acks = acks
        self._logger = telemetry.logger
        self._clock = clock
        self._cache = NamespaceCache(cluster)
        self._pokes = Pokes(cluster.poke)
        self._publisher = Publisher(
            cluster, self._cache, metrics=metrics, telemetry=telemetry, clock=clock
        )
        self._statuses = StatusWriter(
            cluster, self._cache, metrics=metrics, telemetry=telemetry, clock=clock
        )
        self._remembering = Remembering(cluster, clock=clock, telemetry=telemetry)
        self._faulty: frozenset[Identity] = frozenset()
        self.settled = False
        """Whether a step has come to its end, so that documents are what they must be."""

    async def step(self, woken: frozenset[Hashable]) -> float | None:
        """Do what is due; return in how many seconds to look again. Raises ClusterFault."""
        await self._cache.refresh(woken)
        now = self._clock.now()
        documents, known = self._publisher.documents(), self._statuses.approvals()
        resources, refused_edits = hold_last_good(self._cache.resources(), documents)
        # No edit of a destination loosens a limit or a rate, and there may be many of them.
        sent = [content for content in resources if content["kind"] == "EventDestination"]
        judged = [content for content in resources if content["kind"] != "EventDestination"]
        # Of many resources it takes seconds, for which the loop answers probes.
        approved = await asyncio.to_thread(
            compile_approved, judged, known, documents, now=now, ticket=self._ticket
        )
        destinations = compile_resources(sent, now=now)
        compilation = approved.compilation.with_destinations(destinations)
        await self._publisher.publish(compilation.documents)
        digests = self._publisher.digests
        self._acks.follow(self._cache.pods, digests)
        faults = await self._pokes.poke(self._cache.pods, digests, self._acks.known)
        rulings = with_refused(compilation.rulings, {**approved.refused, **refused_edits})
        self._log_faults(rulings)
        published = self._publisher.published(self._acks.known)
        again, unwritten = await self._statuses.tell(rulings, approved.approvals, published, now)
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
