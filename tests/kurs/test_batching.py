"""kurs.kernel.batching: while a batch is in flight, what arrives waits and goes out together."""

import asyncio
import time
from collections.abc import Sequence

import pytest

from kurs.kernel.batching import Batcher, DeadlineExceeded
from kurs.kernel.errors import Overloaded


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
        await batcher.submit(1, expires=time.monotonic() - 1)
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
