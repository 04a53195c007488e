"""Documents as they are compiled, and the ConfigMaps that hold them.

What somebody else wrote into one of these is repaired.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from kurs.config.resources import Document
from kurs.kernel.clock import Clock
from kurs.telemetry import Telemetry, inject
from kurs_operator.cache import NamespaceCache
from kurs_operator.cluster import ClusterPort
from kurs_operator.documents import SERVICES, ServiceDocument, Written, written
from kurs_operator.fleet import Ack, Fleet, fleet
from kurs_operator.metrics import OperatorMetrics


@dataclass(frozen=True, slots=True)
class Published:
    """The revision of a service's newest document, and its ready pods with what they said."""

    revision: str
    fleet: Fleet


class Publisher:
    """Holds what this process wrote, or found right; a restart finds it in the ConfigMaps."""

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
        self._tracer = telemetry.tracer
        self._logger = telemetry.logger
        self._clock = clock
        self._written: dict[str, Written] = {}
        self._since: dict[str, int] = {}

    def documents(self) -> list[Document]:
        """Return what may hold a last good generation; what this process wrote comes last."""
        there = [self._cache.document(service) for service in SERVICES]
        known = [*there, *map(self._written.get, SERVICES)]
        return [each_one.document for each_one in known if each_one is not None]

    @property
    def digests(self) -> Mapping[str, str]:
        """The digest of what each service's pods are to run."""
        return {name: document.digest for name, document in self._written.items()}

    def published(self, acks: Mapping[str, Ack]) -> Mapping[str, Published]:
        """Return what each service's pods are to run, with the pods that are ready and said so."""
        pods = self._cache.pods
        return {
            name: Published(document.document.revision, fleet(name, pods, acks, self._since[name]))
            for name, document in self._written.items()
        }

    async def publish(self, documents: Mapping[str, Document]) -> None:
        """Let the ConfigMap of each service hold its document; raises ClusterFault."""
        for name, service in SERVICES.items():
            await self._publish(service, documents[name])

    async def _publish(self, service: ServiceDocument, wanted: Document) -> None:
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

    def _keep(self, service: ServiceDocument, made: Written) -> None:
        self._written[service.name] = made
        self._since[service.name] = self._clock.now()
