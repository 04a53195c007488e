"""Lets payments in by waves, so that those that enter together go through every stage together.

Batching alone spreads what is under way over the stages of the flow: with four stages a batch holds
an eighth of it. While a wave is under way, what arrives waits, and goes as the next wave: one wait
instead of four, and batches as large as the wave. An idle system adds no delay.

A task keeps the wave it travels in as context, as it does its deadline.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from kurs.batching import BatchMetrics, Overloaded

_travels_in: ContextVar["_Wave | None"] = ContextVar("wave", default=None)


async def together() -> None:
    """Wait for the rest of one's wave, so that the next stage has all of it in one batch.

    For one point of the flow. Nobody waits outside of a wave, nor longer than its patience.
    """
    wave = _travels_in.get()
    if wave is not None:
        await wave.meet()


class Waves:
    """Admits what waits as soon as fewer than `few` payments are under way.

    A wave that takes longer than `patience` seconds no longer counts: one that is slow holds the
    others up for so long at most.
    """

    def __init__(
        self,
        *,
        metrics: BatchMetrics,
        few: int = 2,
        patience: float = 0.25,
        largest: int = 200,
        max_waiting: int = 10_000,
    ) -> None:
        self._few = few
        self._patience = patience
        self._largest = largest
        self._max_waiting = max_waiting
        self._waiting: deque[asyncio.Future[_Wave]] = deque()
        self._under_way = 0
        self._admitting = False
        self._size = metrics.size.labels("waves")
        self._shed = metrics.shed.labels("waves", "queue_full")
        metrics.queue.labels("waves").set_function(lambda: len(self._waiting))

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place in a wave and hold it; raises Overloaded when too many wait."""
        if len(self._waiting) >= self._max_waiting:
            self._shed.inc()
            raise Overloaded("too much is waiting", headers={"retry-after": "1"})
        place: asyncio.Future[_Wave] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        self._admit_soon()
        wave = await place
        token = _travels_in.set(wave)
        try:
            yield
        finally:
            _travels_in.reset(token)
            wave.leave()
            if wave.counts:
                self._under_way -= 1
                self._admit_soon()

    def _admit_soon(self) -> None:
        if self._waiting and self._under_way < self._few and not self._admitting:
            self._admitting = True
            # One turn of the loop: what is ready to join this wave joins it.
            asyncio.get_running_loop().call_soon(self._admit)

    def _admit(self) -> None:
        self._admitting = False
        wave = _Wave()
        while self._waiting and wave.left < self._largest:
            place = self._waiting.popleft()
            if not place.cancelled():
                place.set_result(wave)
                wave.left += 1
        if not wave.left:
            return
        self._under_way += wave.left
        self._size.observe(wave.left)
        asyncio.get_running_loop().call_later(self._patience, self._lose_patience, wave)

    def _lose_patience(self, wave: "_Wave") -> None:
        wave.counts = False
        wave.part()
        self._under_way -= wave.left
        self._admit_soon()


class _Wave:
    """Payments that were let in together; `left` of them are still under way."""

    __slots__ = ("_met", "_waiting", "counts", "left")

    def __init__(self) -> None:
        self.left = 0
        self.counts = True
        self._waiting = 0
        self._met = asyncio.Event()

    async def meet(self) -> None:
        """Wait until all that are still under way are here, or patience has run out."""
        self._waiting += 1
        self._part_if_whole()
        await self._met.wait()

    def leave(self) -> None:
        """One of the wave is back."""
        self.left -= 1
        self._part_if_whole()

    def part(self) -> None:
        """Nobody waits for the others any more."""
        self._met.set()

    def _part_if_whole(self) -> None:
        if self._waiting >= self.left:
            self.part()
