"""What the operator knows of its namespace: lists, read anew when something of their kind changed.

A watch only says that something changed. What is there is asked of the API server each time, since
a watch that was cut off for long does not tell what was deleted meanwhile.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kurs.kernel.clock import monotonic
from kurs_operator.cluster import PLURALS, ClusterPort, Content
from kurs_operator.documents import SERVICES, Written, read
from kurs_operator.fleet import Pod
from kurs_operator.ruling import Identity

RESYNC_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Change:
    """What a watch told: an object of this kind and name. Equal to nothing else that wakes."""

    kind: str
    name: str


@dataclass(slots=True)
class NamespaceCache:
    """The resources, pods and documents of a namespace, as they were listed last."""

    cluster: ClusterPort
    bodies: dict[str, dict[str, Content]] = field(default_factory=dict)
    """Resources by kind and name."""
    pods: tuple[Pod, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    """Documents by ConfigMap."""
    _synced_monotonic: float | None = None

    async def refresh(self, woken: Iterable[Hashable]) -> None:
        """List anew what `woken` names, or all of it now and then; raises ClusterFault."""
        kinds = {change.kind for change in woken if isinstance(change, Change)}
        if self._synced_monotonic is None or monotonic() - self._synced_monotonic > RESYNC_SECONDS:
            self._synced_monotonic = None
            kinds = {*PLURALS, "Pod", "ConfigMap"}
        for kind in PLURALS:
            if kind in kinds:
                found = await self.cluster.resources(kind)
                self.bodies[kind] = {Identity.of(body).name: body for body in found}
        if "ConfigMap" in kinds:
            self.texts = await self.cluster.documents()
        if "Pod" in kinds:
            self.pods = tuple(Pod.of(body) for body in await self.cluster.pods())
        self._synced_monotonic = self._synced_monotonic or monotonic()

    def resources(self) -> list[Content]:
        """Return all resources."""
        return [body for kind in PLURALS for body in self.bodies.get(kind, {}).values()]

    def body(self, identity: Identity) -> Content:
        """Return one resource; raises KeyError when it is not known."""
        return self.bodies[identity.kind][identity.name]

    def replace(self, identity: Identity, body: Mapping[str, Any]) -> None:
        """Take over what the API server answered to a write."""
        self.bodies[identity.kind][identity.name] = body

    def document(self, service: str) -> Written | None:
        """Return the good document that a service's ConfigMap holds."""
        known = SERVICES[service]
        return read(known, self.texts.get(known.config_map))
