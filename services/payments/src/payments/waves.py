"""Lets payments in by waves, so that those that enter together go through every stage together.

Batching alone spreads what is under way over the stages of the flow: with four stages a batch holds
an eighth of it. While a wave is under way, what arrives waits, and goes as the next wave: one wait
instead of four, and batches as large as the wave. An idle system adds no delay.

A task keeps its place in a wave as context, as it does its deadline.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

from kurs.kernel.batching import BatchMetrics
from kurs.kernel.errors import Overloaded

_place: ContextVar["_Place | None"] = ContextVar("place", default=None)


async def together() -> None:
    """Wait for the rest of one's wave, so that the next stage has all of it in one batch.

    For one point of the flow. Nobody waits outside of a wave, nor longer than its patience.
    """
    place = _place.get()
    if place is not None:
        await place.wave.meet()


def give_way() -> None:
    """Say that one's last commit comes now: the next wave may begin, and begins in that commit."""
    place = _place.get()
    if place is not None:
        place.leave()


class Waves:
    """Admits what waits as soon as fewer than `least` payments are under way.

    A wave that takes longer than `patience` seconds no longer counts: one that is slow holds the
    others up for so long at most.
    """

    def __init__(
        self,
        *,
        metrics: BatchMetrics,
        least: int = 2,
        patience: float = 0.25,
        largest: int = 200,
        max_waiting: int = 10_000,
    ) -> None:
        self._least = least
        self._patience = patience
        self._largest = largest
        self._max_waiting = max_waiting
        self._waiting: deque[asyncio.Future[_Place]] = deque()
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
        loop = asyncio.get_running_loop()
        admitted: asyncio.Future[_Place] = loop.create_future()
        self._waiting.append(admitted)
        if self._under_way < self._least and not self._admitting:
            self._admitting = True
            # One turn of the loop: what is ready to join this wave joins it.
            loop.call_soon(self._admit)
        place = await admitted
        token = _place.set(place)
        try:
            yield
        finally:
            _place.reset(token)
            place.leave()

    def _admit(self) -> None:
        self._admitting = False
        if self._under_way >= self._least:
            return
        wave = _Wave(self._left)
        while self._waiting and wave.size < self._largest:
            admitted = self._waiting.popleft()
            if not admitted.cancelled():
                admitted.set_result(_Place(wave))
                wave.size += 1
        if wave.size:
            self._under_way += wave.size
            self._size.observe(wave.size)
            asyncio.get_running_loop().call_later(self._patience, self._lose_patience, wave)

    def _left(self) -> None:
        self._under_way -= 1
        self._admit()

    def _lose_patience(self, wave: "_Wave") -> None:
        self._under_way -= wave.size
        wave.break_up()
        self._admit()


class _Wave:
    """Payments that were let in together; `size` of them are still under way."""

    __slots__ = ("_met", "_on_leave", "_waiting", "size")

    def __init__(self, on_leave: Callable[[], None]) -> None:
        self.size = 0
        self._on_leave: Callable[[], None] | None = on_leave
        self._waiting = 0
        self._met = asyncio.Event()

    async def meet(self) -> None:
        """Wait until all that are still under way are here, or patience has run out."""
        self._waiting += 1
        self._part_if_whole()
        await self._met.wait()

    def leave(self) -> None:
        """One of the wave is done."""
        self.size -= 1
        self._part_if_whole()
        if self._on_leave is not None:
            self._on_leave()

    def break_up(self) -> None:
        """Nobody waits for this wave any more, nor in it."""
        self._on_leave = None
        self._met.set()

    def _part_if_whole(self) -> None:
        if self._waiting >= self.size:
            self._met.set()


class _Place:
    """One payment's place in its wave, left once."""

    __slots__ = ("_taken", "wave")

    def __init__(self, wave: _Wave) -> None:
        self.wave = wave
        self._taken = True

    def leave(self) -> None:
        if self._taken:
            self._taken = False
            self.wave.leave()
