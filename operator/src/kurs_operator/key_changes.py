"""Pokes the gateway's pods when the API keys change, without a right to read their Secret.

RBAC knows no right to see that a Secret changed and not what it holds. So the operator's pod mounts
what the gateway's mount, the digests alone; and as a mount is refreshed once a minute or so, the
operator pokes its own pod every few seconds: it sees a change within that time, whoever made it.
"""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from kurs.config.resources import digest_of
from kurs.kernel.clock import Clock, monotonic
from kurs.kernel.files import WatchedFile
from kurs.telemetry import Telemetry
from kurs_operator.cluster import ClusterFault, Content
from kurs_operator.fleet import GATEWAY, Pod
from kurs_operator.pokes import Pokes

LOOK_SECONDS = 1.0
SELF_POKE_SECONDS = 10.0
"""As often as a node renews its lease: one small write."""
POKING_SECONDS = 12.0
"""How long pods are poked after a change, four times each: a kubelet may hear of the change later
than the operator's, and no gateway tells which keys it has."""


class GatewayPort(Protocol):
    """The gateway's pods; raises ClusterFault."""

    async def gateway_pods(self) -> list[Content]:
        """Return them."""
        ...

    async def poke(self, pod: str, digest: str) -> None:
        """Change a pod's annotation, so that its kubelet looks at its mounts; raises Gone."""
        ...


class KeyChanges:
    """Follows the mounted file of digests. A restart pokes once more, which harms nothing."""

    def __init__(
        self,
        cluster: GatewayPort,
        file: Path,
        own_pod: str,
        *,
        clock: Clock,
        telemetry: Telemetry,
        monotonic: Callable[[], float] = monotonic,
    ) -> None:
        self._cluster = cluster
        self._file = WatchedFile(file)
        self._own_pod = own_pod
        self._clock = clock
        self._monotonic = monotonic
        self._logger = telemetry.logger
        self._pokes: dict[str, Pokes] = {}
        self._digest: str | None = None
        self._until_monotonic = self._look_monotonic = monotonic()
        self._said: frozenset[str] = frozenset()

    async def look(self) -> None:
        """Do what is due, each whatever became of the other; raises nothing that was foreseen."""
        await asyncio.to_thread(self._read)
        self._say(await self._poke_gateway() + await self._refresh_own_mount())

    async def _refresh_own_mount(self) -> list[ClusterFault]:
        if self._monotonic() < self._look_monotonic:
            return []
        try:
            await self._cluster.poke(self._own_pod, f"looked-{self._clock.now():x}")
        except ClusterFault as fault:
            return [fault]
        self._look_monotonic = self._monotonic() + SELF_POKE_SECONDS
        return []

    def _read(self) -> None:
        if not self._file.changed():
            return
        try:
            digest = digest_of(self._file.path.read_bytes())
        except OSError:
            # No Secret, or not yet: the gateway keeps the keys that it has, too.
            self._file.unread()
            return
        if digest != self._digest:
            self._digest = digest
            self._until_monotonic = self._monotonic() + POKING_SECONDS
            self._pokes.clear()
            self._logger.info(
                "API keys read, the gateway's pods are poked", file=str(self._file.path)
            )

    async def _poke_gateway(self) -> list[ClusterFault]:
        """Poke the pods for a while; what is refused is tried at each look, and extends that."""
        if self._digest is None or self._monotonic() >= self._until_monotonic:
            return []
        try:
            pods = [Pod.of(body) for body in await self._cluster.gateway_pods()]
        except ClusterFault as fault:
            faults = [fault]
        else:
            self._pokes = {pod.uid: self._pokes.get(pod.uid) or self._anew() for pod in pods}
            refused = await asyncio.gather(*map(self._poke, pods))
            faults = [fault for of_one in refused for fault in of_one]
        if faults:
            self._until_monotonic = self._monotonic() + POKING_SECONDS
        return faults

    async def _poke(self, pod: Pod) -> list[ClusterFault]:
        assert self._digest is not None
        faults = await self._pokes[pod.uid].poke([pod], {GATEWAY: self._digest}, {})
        if faults:
            # As if it had never been poked: all four are still to come.
            self._pokes[pod.uid] = self._anew()
        return faults

    def _anew(self) -> Pokes:
        return Pokes(self._cluster.poke, clock=self._monotonic)

    def _say(self, faults: Iterable[ClusterFault]) -> None:
        """Say each failure once, until it is over."""
        found = frozenset(map(str, faults))
        for error in sorted(found - self._said):
            self._logger.warning("changed API keys may reach the gateway late", error=error)
        self._said = found
