"""Batch while busy: what arrives while a batch is in flight goes out together when it returns.

No timer stands in between, so an idle system adds no delay; under load the cost of a commit or of
an internal request is divided by the batch. A batch that takes long holds nothing that comes after
it: the next one goes out beside it.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kurs.kernel.clock import monotonic
from kurs.kernel.errors import Overloaded, Problem, Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

PATIENCE_SECONDS = 0.25
"""After which the next batch no longer waits for the one in flight."""

BatchRun = Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]]


class DeadlineExceeded(Unavailable):
    """The item's deadline passed before its batch left; nothing was done with it."""

    code = "deadline_exceeded"
    title = "Deadline exceeded"


class BatchMetrics:
    """What the batchers of one app report, by the batcher's name."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.size = Histogram(
            "kurs_batch_size", "Items that went out in one batch.", ["batcher"],
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000), registry=registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "kurs_batch_duration_seconds", "Time that one batch was in flight.", ["batcher"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5), registry=registry,
        )  # fmt: skip
        self.queue = Gauge(
            "kurs_batch_queue_length", "Items that wait for the batch in flight.", ["batcher"],
            registry=registry,
        )  # fmt: skip
        self.shed = Counter(
            "kurs_batch_shed_total", "Items refused before their batch, by reason.",
            ["batcher", "reason"], registry=registry,
        )  # fmt: skip


@dataclass(slots=True)
class _Group(Generic[Item, Result]):
    items: Sequence[Item]
    done: "asyncio.Future[list[Result | Exception]]"
    expires: float | None


class Batcher(Generic[Item, Result]):
    """Collects items and hands them to `run`, one batch at a time.

    One that has been in flight for PATIENCE_SECONDS no longer counts: up to `lanes` are in flight
    then.

    `run` returns one result or exception per item, in order. When it raises, each item of that
    batch gets the exception, or, with `isolate`, is run again alone, so that one bad item cannot
    fail its neighbours (`run` must then be safe to repeat).
    """

    def __init__(
        self,
        run: BatchRun[Item, Result],
        *,
        name: str,
        max_batch: int = 500,
        max_queue: int = 10_000,
        isolate: bool = False,
        lanes: int = 1,
        metrics: BatchMetrics | None = None,
    ) -> None:
        self._run = run
        self._lanes = lanes
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._isolate = isolate
        self._queue: deque[_Group[Item, Result]] = deque()
        self._waiting = 0
        self._workers: set[asyncio.Task[None]] = set()
        self._slow = 0
        metrics = metrics or BatchMetrics(CollectorRegistry())
        self._size = metrics.size.labels(name)
        self._seconds = metrics.seconds.labels(name)
        self._queue_length = metrics.queue.labels(name)
        self._queue_length.set_function(lambda: self._waiting)
        self._shed_full = metrics.shed.labels(name, "queue_full")
        self._shed_late = metrics.shed.labels(name, "deadline")

    async def submit(self, item: Item, *, expires: float | None = None) -> Result:
        """Return the item's result; raises what its batch raised for it.

        `expires` is a `monotonic()` moment after which the item is not sent any more
        (DeadlineExceeded). Raises Overloaded when `max_queue` items wait.
        """
        result = (await self.submit_many((item,), expires=expires))[0]
        if isinstance(result, Exception):
            raise result
        return result

    async def submit_many(
        self, items: Sequence[Item], *, expires: float | None = None
    ) -> list[Result | Exception]:
        """Return one result or exception per item, in order; the items travel together."""
        if self._waiting + len(items) > self._max_queue:
            self._shed_full.inc(len(items))
            raise Overloaded("too much is waiting", headers={"retry-after": "1"})
        loop = asyncio.get_running_loop()
        group: _Group[Item, Result] = _Group(items, loop.create_future(), expires)
        self._queue.append(group)
        self._waiting += len(items)
        if len(self._workers) == self._slow:
            self._start_worker()
        return await group.done

    async def close(self) -> None:
        """Wait until everything that waits has gone out and come back."""
        while self._workers:
            await asyncio.wait(self._workers)

    def _start_worker(self) -> None:
        """Let one more worker send, unless as many as may be are under way."""
        if len(self._workers) < self._lanes:
            # An empty context: the worker serves everyone, so it must not inherit the deadline
            # and the span of whoever happened to start it.
            loop = asyncio.get_running_loop()
            self._workers.add(loop.create_task(self._work(), context=Context()))

    async def _work(self) -> None:
        try:
            while self._queue and len(self._workers) - self._slow <= 1:
                # One turn of the loop: what is ready to join this batch joins it.
                await asyncio.sleep(0)
                groups = self._take()
                if groups:
                    await self._send_in_time(groups)
        finally:
            # Not by a callback of the task, which comes a turn later: what is submitted until then
            # would find a worker that no longer looks.
            worker = asyncio.current_task()
            assert worker is not None
            self._workers.discard(worker)

    async def _send_in_time(self, groups: list[_Group[Item, Result]]) -> None:
        """Send a batch, and let another worker go on when it takes too long."""
        if self._lanes == 1:
            await self._send(groups)
            return
        slow = False

        def lose_patience() -> None:
            nonlocal slow
            slow = True
            self._slow += 1
            if self._queue:
                self._start_worker()

        timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, lose_patience)
        try:
            await self._send(groups)
        finally:
            timer.cancel()
            self._slow -= slow

    def _take(self) -> list[_Group[Item, Result]]:
        now = monotonic()
        taken: list[_Group[Item, Result]] = []
        size = 0
        while self._queue and (not taken or size + len(self._queue[0].items) <= self._max_batch):
            group = self._queue.popleft()
            self._waiting -= len(group.items)
            if group.done.cancelled():
                continue
            if group.expires is not None and group.expires <= now:
                self._shed_late.inc(len(group.items))
                late = DeadlineExceeded("the deadline passed before the work began")
                group.done.set_result([late] * len(group.items))
                continue
            taken.append(group)
            size += len(group.items)
        return taken

    async def _send(self, groups: list[_Group[Item, Result]]) -> None:
        items = [item for group in groups for item in group.items]
        self._size.observe(len(items))
        started = monotonic()
        results = await self._results(items)
        self._seconds.observe(monotonic() - started)
        position = 0
        for group in groups:
            end = position + len(group.items)
            if not group.done.done():
                group.done.set_result(results[position:end])
            position = end

    async def _results(self, items: list[Item]) -> list[Result | Exception]:
        try:
            results = list(await self._run(items))
        except Exception as error:
            if not self._isolate or len(items) == 1 or isinstance(error, Problem):
                return [error] * len(items)
            return [r for item in items for r in await self._results([item])]
        assert len(results) == len(items), "one result per item"
        return results
