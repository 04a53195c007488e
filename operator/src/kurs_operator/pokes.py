"""Makes the kubelet refresh the mounts of pods that are behind: at once, and again if it did not.

The kubelet looks at a pod's mounts when the pod changes, else about once a minute; an annotation
is a change that restarts nothing.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from kurs.kernel.clock import monotonic
from kurs_operator.cluster import ClusterFault, each
from kurs_operator.fleet import Ack, Pod

PAUSES = (1.5, 3.0, 6.0, *[10.0] * 10)
"""Seconds between pokes: a kubelet that heard nothing of one is not left alone for long."""
LONGEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Poke:
    digest: str
    times: int
    again_monotonic: float


class Pokes:
    """Remembers whom it poked; a restart merely pokes once more."""

    def __init__(
        self,
        poke: Callable[[str, str], Awaitable[None]],
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._poke = poke
        self._clock = clock
        self._sent: dict[str, _Poke] = {}

    async def poke(
        self, pods: Iterable[Pod], digests: Mapping[str, str], acks: Mapping[str, Ack]
    ) -> list[ClusterFault]:
        """Poke the pods that are not known to run their service's digest; return what failed."""
        now, behind = self._clock(), {}
        for pod in pods:
            digest, ack = digests.get(pod.service), acks.get(pod.uid)
            if digest is not None and (ack is None or ack.answer.digest != digest):
                behind[pod.uid] = (pod, digest)
        self._sent = {uid: sent for uid, sent in self._sent.items() if uid in behind}
        return await each(
            self._send(pod, digest, now)
            for pod, digest in behind.values()
            if self._is_due(pod, digest, now)
        )

    def due(self) -> list[float]:
        """Return in how many seconds each pod is to be poked again."""
        now = self._clock()
        return [max(0.0, sent.again_monotonic - now) for sent in self._sent.values()]

    def _is_due(self, pod: Pod, digest: str, now: float) -> bool:
        sent = self._sent.get(pod.uid)
        return sent is None or sent.digest != digest or now >= sent.again_monotonic

    async def _send(self, pod: Pod, digest: str, now: float) -> None:
        sent = self._sent.get(pod.uid)
        times = sent.times + 1 if sent is not None and sent.digest == digest else 0
        delay = PAUSES[times] if times < len(PAUSES) else LONGEST_SECONDS
        self._sent[pod.uid] = _Poke(digest, times, now + delay)
        value = f"{digest}.{times}" if times else digest
        if value != pod.poked:
            await self._poke(pod.name, value)
