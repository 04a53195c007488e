"""Pokes the gateway's pods when the API keys change, without a right to read their Secret.

RBAC knows no right to see that a Secret changed and not what it holds. So the operator's pod mounts
what the gateway's mount, the digests alone; and as a mount is refreshed once a minute or so, the
operator pokes its own pod every few seconds: it sees a change within that time, whoever made it.
"""

import asyncio
from collections.abc import Callable
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
        self._pokes = Pokes(cluster.poke, clock=monotonic)
        self._digest: str | None = None
        self._until = self._look_at = monotonic()
        self._failure: str | None = None

    async def look(self) -> None:
        """Do what is due; raises nothing that was foreseen."""
        try:
            await asyncio.to_thread(self._read)
            await self._poke_gateway()
            await self._refresh_own_mount()
        except ClusterFault as error:
            self._failed(error)
        else:
            self._failure = None

    async def _refresh_own_mount(self) -> None:
        if self._monotonic() < self._look_at:
            return
        await self._cluster.poke(self._own_pod, f"looked-{self._clock.now():x}")
        self._look_at = self._monotonic() + SELF_POKE_SECONDS

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
            self._begin()
            self._logger.info(
                "API keys read, the gateway's pods are poked", file=str(self._file.path)
            )

    def _begin(self) -> None:
        self._until = self._monotonic() + POKING_SECONDS
        self._pokes = Pokes(self._cluster.poke, clock=self._monotonic)

    async def _poke_gateway(self) -> None:
        if self._digest is None or self._monotonic() >= self._until:
            return
        pods = [Pod.of(body) for body in await self._cluster.gateway_pods()]
        faults = await self._pokes.poke(pods, {GATEWAY: self._digest}, {})
        if faults:
            raise faults[0]

    def _failed(self, error: ClusterFault) -> None:
        """Say each failure once; what was to be poked is poked from the start."""
        if self._digest is not None and self._monotonic() < self._until:
            self._begin()
        if self._failure != str(error):
            self._logger.warning("changed API keys may reach the gateway late", error=str(error))
        self._failure = str(error)
