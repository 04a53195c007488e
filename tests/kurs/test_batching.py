"""kurs.kernel.batching: while a batch is in flight, what arrives waits and goes out together."""

import asyncio
import time
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import pytest

from kurs.kernel import batching
from kurs.kernel.batching import Batcher, DeadlineExceeded, alone
from kurs.kernel.errors import Overloaded
from kurs_testing.waiting import eventually

_WHOSE: ContextVar[str] = ContextVar("whose")


class Recorder:
    """A batch run that can be held up, and remembers what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def run(self, items: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(items))
        await self.gate.wait()
        return [ValueError(str(item)) if item < 0 else item * 10 for item in items]


async def test_an_idle_batcher_sends_at_once() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.run, name="t")
    assert await batcher.submit(1) == 10
    assert await batcher.submit(2) == 20
    assert recorder.batches == [[1], [2]]


async def test_what_arrives_meanwhile_travels_together() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.run, name="t")
    recorder.gate.clear()
    first = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(batcher.submit(i)) for i in range(2, 7)]
    await asyncio.sleep(0)
    recorder.gate.set()
    assert await first == 10
    assert await asyncio.gather(*rest) == [20, 30, 40, 50, 60]
    assert recorder.batches == [[1], [2, 3, 4, 5, 6]]


async def test_a_batch_has_a_largest_size_and_groups_stay_whole() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.run, name="t", max_batch=4)
    groups = [batcher.submit_many([i, i, i]) for i in range(3)]
    assert await asyncio.gather(*groups) == [[0, 0, 0], [10, 10, 10], [20, 20, 20]]
    assert [len(batch) for batch in recorder.batches] == [3, 3, 3]


async def test_an_item_fails_alone() -> None:
    batcher = Batcher(Recorder().run, name="t")
    results = await asyncio.gather(*(batcher.submit(i) for i in (1, -2, 3)), return_exceptions=True)
    assert results[0] == 10
    assert isinstance(results[1], ValueError)
    assert results[2] == 30


async def test_a_raising_batch_is_tried_item_by_item() -> None:
    async def run(items: Sequence[int]) -> list[int]:
        if 13 in items:
            raise RuntimeError("poison")
        return [item * 10 for item in items]

    batcher = Batcher(run, name="t", isolate=True)
    results = await asyncio.gather(*(batcher.submit(i) for i in (1, 13, 2)), return_exceptions=True)
    assert (results[0], results[2]) == (10, 20)
    assert isinstance(results[1], RuntimeError)


async def test_a_full_queue_sheds_and_later_recovers() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.run, name="t", max_queue=2)
    recorder.gate.clear()
    running = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(batcher.submit_many([2, 3]))
    await asyncio.sleep(0.01)
    with pytest.raises(Overloaded):
        await batcher.submit(4)
    recorder.gate.set()
    assert await running == 10
    assert await waiting == [20, 30]
    assert await batcher.submit(5) == 50


async def test_an_item_past_its_deadline_is_not_sent() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.run, name="t")
    with pytest.raises(DeadlineExceeded):
        await batcher.submit(1, expires_monotonic=time.monotonic() - 1)
    assert recorder.batches == []


async def test_one_who_left_is_not_waited_for() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.run, name="t")
    recorder.gate.clear()
    running = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0.01)
    gone = asyncio.create_task(batcher.submit(2))
    stays = asyncio.create_task(batcher.submit(3))
    await asyncio.sleep(0.01)
    gone.cancel()
    await asyncio.sleep(0)
    recorder.gate.set()
    assert (await running, await stays) == (10, 30)
    assert recorder.batches == [[1], [3]]


async def test_close_waits_for_what_is_under_way() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.run, name="t")
    recorder.gate.clear()
    tasks = [asyncio.create_task(batcher.submit(i)) for i in range(3)]
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(batcher.close())
    recorder.gate.set()
    await closing
    assert [task.result() for task in tasks] == [0, 10, 20]


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Held:
    """Batches that each stay in flight until they may end."""

    def __init__(self, **options: Any) -> None:
        self.batches: list[list[int]] = []
        self.may_end: list[asyncio.Event] = []
        self.batcher: Batcher[int, int] = Batcher(self.run, name="t", **options)

    async def run(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.may_end.append(asyncio.Event())
        await self.may_end[-1].wait()
        return [item * 10 for item in items]

    def start(self, *items: int) -> list["asyncio.Task[int]"]:
        return [asyncio.create_task(self.batcher.submit(item)) for item in items]


async def test_fewer_than_the_least_hold_nobody_up() -> None:
    held = Held(least=2)
    tasks = held.start(1)
    await _settle()
    tasks += held.start(2)
    await _settle()
    assert held.batches == [[1], [2]]
    tasks += held.start(3, 4)
    await _settle()
    assert held.batches == [[1], [2]]
    held.may_end[0].set()
    await _settle()
    assert held.batches == [[1], [2], [3, 4]]
    held.may_end[1].set()
    held.may_end[2].set()
    assert await asyncio.gather(*tasks) == [10, 20, 30, 40]


async def test_a_batch_that_got_stuck_holds_nobody_up_for_longer_than_patience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "PATIENCE_SECONDS", 0.01)
    held = Held(lanes=3)
    (stuck,) = held.start(1)
    await _settle()
    (later,) = held.start(2)
    await eventually(lambda: len(held.batches) == 2)
    held.may_end[1].set()
    assert await later == 20
    assert not stuck.done()
    # It no longer counts, and is not counted off twice: one that runs still makes others wait.
    (runs,) = held.start(3)
    await _settle()
    held.may_end[0].set()
    assert await stuck == 10
    (waits,) = held.start(4)
    await _settle()
    assert held.batches == [[1], [2], [3]]
    held.may_end[2].set()
    await eventually(lambda: len(held.batches) == 4)
    held.may_end[3].set()
    assert await asyncio.gather(runs, waits) == [30, 40]


async def test_no_more_batches_than_lanes_are_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "PATIENCE_SECONDS", 0.001)
    held = Held(lanes=2)
    tasks = []
    for number in (1, 2, 3):
        tasks += held.start(number)
        await asyncio.sleep(0.05)
    assert held.batches == [[1], [2]]
    held.may_end[0].set()
    await eventually(lambda: held.batches == [[1], [2], [3]])
    for may_end in held.may_end:
        may_end.set()
    assert await asyncio.gather(*tasks) == [10, 20, 30]


async def test_an_item_may_be_answered_later_than_its_batch() -> None:
    late: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run(items: Sequence[str]) -> list[str | asyncio.Future[str]]:
        return [late if item == "slow" else item for item in items]

    batcher: Batcher[str, str] = Batcher(run, name="t")
    slow = asyncio.create_task(batcher.submit("slow"))
    assert await batcher.submit("quick") == "quick"
    both = asyncio.create_task(batcher.submit_many(["slow", "quick"]))
    assert await batcher.submit_each(["slow", "quick"]) == [late, "quick"]
    assert not slow.done()
    assert not both.done()
    late.set_exception(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await slow
    failed, quick = await both
    assert (repr(failed), quick) == ("ValueError('no')", "quick")


async def test_a_batch_has_the_context_of_its_batcher_and_nothing_of_who_starts_it() -> None:
    seen: list[str] = []

    async def run(items: Sequence[int]) -> list[int]:
        seen.append(_WHOSE.get())
        return list(items)

    _WHOSE.set("the app's")
    batcher: Batcher[int, int] = Batcher(run, name="t")
    _WHOSE.set("a request's")
    await batcher.submit(1)
    assert seen == ["the app's"]


def test_what_fails_alone_is_its_own_result() -> None:
    found = [alone(int, text) for text in ("1", "x")]
    assert found[0] == 1
    assert isinstance(found[1], ValueError)
