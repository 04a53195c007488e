"""Batch while busy: what arrives while a batch is in flight goes out together when it returns.

No timer stands in between, so an idle system adds no delay; under load the cost of a commit or of
an internal request is divided by the batch.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar, TypeVarTuple, Unpack, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from kurs.kernel.clock import monotonic
from kurs.kernel.errors import Overloaded, Problem, Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")

PATIENCE_SECONDS = 0.25
"""After which the next batch no longer waits for the one in flight."""

Eventually: TypeAlias = Result | Exception | asyncio.Future[Result]
"""What a run gives for an item; a future where it comes later than that of the others."""
BatchRun = Callable[[Sequence[Item]], Awaitable[Sequence[Eventually[Result]]]]


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
    done: "asyncio.Future[list[Eventually[Result]]]"
    expires_monotonic: float | None


class Batcher(Generic[Item, Result]):
    """Collects items and hands them to `run`, one batch at a time.

    `run` returns one result or exception per item, in order, or a future for one that would hold
    up the others. When it raises, each item of that batch gets the exception, or, with `isolate`,
    is run again alone, so that one bad item cannot fail its neighbours (`run` must then be safe to
    repeat).

    What arrives waits while `least` items or more are in flight: with 2, one alone holds nobody
    up. A batch that has been in flight for PATIENCE_SECONDS no longer counts: up to `lanes` are in
    flight then.
    """

    def __init__(
        self,
        run: BatchRun[Item, Result],
        *,
        name: str,
        max_batch: int = 500,
        max_queue: int = 10_000,
        isolate: bool = False,
        least: int = 1,
        lanes: int = 1,
        metrics: BatchMetrics | None = None,
    ) -> None:
        self._run = run
        self._max_batch = max_batch
        self._max_queue = max_queue
        self._isolate = isolate
        self._least = least
        self._lanes = max(lanes, least)
        self._queue: deque[_Group[Item, Result]] = deque()
        self._waiting = 0
        self._counted = 0
        self._scheduled = False
        self._in_flight: set[asyncio.Task[None]] = set()
        # A batch serves everyone, so it must not inherit the deadline and the span of whoever
        # happens to start it: it has what there was when the app was composed.
        self._context = copy_context()
        metrics = metrics or BatchMetrics(CollectorRegistry())
        self._size = metrics.size.labels(name)
        self._seconds = metrics.seconds.labels(name)
        self._queue_length = metrics.queue.labels(name)
        self._queue_length.set_function(lambda: self._waiting)
        self._shed_full = metrics.shed.labels(name, "queue_full")
        self._shed_late = metrics.shed.labels(name, "deadline")

    async def submit(self, item: Item, *, expires_monotonic: float | None = None) -> Result:
        """Return the item's result; raises what its batch raised for it.

        `expires_monotonic` is a `monotonic()` moment after which the item is not sent any more
        (DeadlineExceeded). Raises Overloaded when `max_queue` items wait.
        """
        (result,) = await self.submit_each((item,), expires_monotonic=expires_monotonic)
        if isinstance(result, asyncio.Future):
            return await result
        if isinstance(result, Exception):
            raise result
        return result

    async def submit_many(
        self, items: Sequence[Item], *, expires_monotonic: float | None = None
    ) -> list[Result | Exception]:
        """Return one result or exception per item, in order; the items travel together."""
        return await settled(await self.submit_each(items, expires_monotonic=expires_monotonic))

    async def submit_each(
        self, items: Sequence[Item], *, expires_monotonic: float | None = None
    ) -> list[Eventually[Result]]:
        """Return what `run` gave for each item, without waiting for what comes later."""
        if self._waiting + len(items) > self._max_queue:
            self._shed_full.inc(len(items))
            raise Overloaded("too much is waiting", headers={"retry-after": "1"})
        loop = asyncio.get_running_loop()
        group: _Group[Item, Result] = _Group(items, loop.create_future(), expires_monotonic)
        self._queue.append(group)
        self._waiting += len(items)
        self._schedule()
        return await group.done

    async def close(self) -> None:
        """Wait until everything that waits has gone out and come back."""
        while self._queue or self._in_flight:
            if self._in_flight:
                await asyncio.wait(self._in_flight)
            else:
                await asyncio.sleep(0)

    def _schedule(self) -> None:
        if self._queue and self._may_depart() and not self._scheduled:
            self._scheduled = True
            # One turn of the loop: what is ready to join this batch joins it.
            asyncio.get_running_loop().call_soon(self._depart, context=self._context)

    def _depart(self) -> None:
        self._scheduled = False
        if self._may_depart() and (groups := self._take()):
            self._counted += sum(len(group.items) for group in groups)
            task = asyncio.get_running_loop().create_task(
                self._send(groups), context=self._context.copy()
            )
            self._in_flight.add(task)
        self._schedule()

    def _may_depart(self) -> bool:
        return self._counted < self._least and len(self._in_flight) < self._lanes

    def _take(self) -> list[_Group[Item, Result]]:
        now = monotonic()
        taken: list[_Group[Item, Result]] = []
        size = 0
        while self._queue and (not taken or size + len(self._queue[0].items) <= self._max_batch):
            group = self._queue.popleft()
            self._waiting -= len(group.items)
            if group.done.cancelled():
                continue
            if group.expires_monotonic is not None and group.expires_monotonic <= now:
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
        started, counted = monotonic(), len(items)

        def let_others_go() -> None:
            nonlocal counted
            self._counted -= counted
            counted = 0
            self._schedule()

        patience = None
        if self._lanes > 1:
            patience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, let_others_go)
        results = await self._results(items)
        if patience is not None:
            patience.cancel()
        # Not by a callback of the task, which comes a turn later.
        self._in_flight.discard(cast("asyncio.Task[None]", asyncio.current_task()))
        let_others_go()
        self._seconds.observe(monotonic() - started)
        position = 0
        for group in groups:
            end = position + len(group.items)
            if not group.done.done():
                group.done.set_result(results[position:end])
            position = end

    async def _results(self, items: list[Item]) -> list[Eventually[Result]]:
        try:
            results = list(await self._run(items))
            assert len(results) == len(items), "one result per item"
        except Exception as error:
            if not self._isolate or len(items) == 1 or isinstance(error, Problem):
                return [error] * len(items)
            return [r for item in items for r in await self._results([item])]
        return results


async def settled(given: Sequence[Eventually[Result]]) -> list[Result | Exception]:
    """Return the results and exceptions, also those that come later."""
    late = [each for each in given if isinstance(each, asyncio.Future)]
    if late:
        await asyncio.wait(late)
    return [_come(each) if isinstance(each, asyncio.Future) else each for each in given]


def _come(late: "asyncio.Future[Any]") -> Any:
    if late.cancelled():
        return RuntimeError("it was given up")
    return late.exception() or late.result()


def alone(work: Callable[[Unpack[Arguments]], Result], *of: *Arguments) -> Result | Exception:
    """Do what one item of a batch needs; what it raises is its own result, and nobody else's."""
    try:
        return work(*of)
    except Exception as error:
        return error
