"""The queue: bursts become one step, faults are tried again, and being stuck is noticed."""

import asyncio
from collections.abc import Hashable

from kurs_operator.wakeups import STUCK_SECONDS, Wakeups

PATIENCE_SECONDS = 30


class Steps:
    """Records what each step was given; fails `faults` times."""

    def __init__(self, faults: int = 0, again: float | None = None) -> None:
        self.taken: list[frozenset[Hashable]] = []
        self.errors: list[Exception] = []
        self.came = asyncio.Event()
        self._faults = faults
        self._again = again

    async def __call__(self, woken: frozenset[Hashable]) -> float | None:
        self.taken.append(woken)
        self.came.set()
        if len(self.taken) <= self._faults:
            raise RuntimeError("down")
        return self._again

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.taken) < count:
                self.came.clear()
                await self.came.wait()


async def test_a_burst_is_one_step():
    steps = Steps()
    wakeups = Wakeups(steps, on_fault=steps.errors.append)
    for number in range(200):
        wakeups.wake(number % 50)
    assert wakeups.depth == 50

    task = asyncio.create_task(wakeups.run())
    await steps.reach(1)
    wakeups.wake("later")
    await steps.reach(2)
    task.cancel()

    assert steps.taken == [frozenset(range(50)), frozenset({"later"})]
    assert wakeups.depth == 0


async def test_what_a_failed_step_took_is_in_the_next_one():
    steps = Steps(faults=2)
    wakeups = Wakeups(steps, on_fault=steps.errors.append)
    task = asyncio.create_task(wakeups.run())

    wakeups.wake("a")
    await steps.reach(3)
    task.cancel()

    assert steps.taken == [frozenset({"a"})] * 3
    assert [str(error) for error in steps.errors] == ["down", "down"]


async def test_a_timer_wakes_it_without_a_change():
    steps = Steps(again=0.001)
    wakeups = Wakeups(steps, on_fault=steps.errors.append)
    task = asyncio.create_task(wakeups.run())

    wakeups.wake("a")
    await steps.reach(3)
    task.cancel()

    assert steps.taken[1:3] == [frozenset(), frozenset()]


async def test_a_change_that_waits_too_long_is_noticed():
    now = [0.0]
    wakeups = Wakeups(Steps(), on_fault=lambda _: None, clock=lambda: now[0])
    assert not wakeups.stuck()

    wakeups.wake("a")
    now[0] = STUCK_SECONDS
    wakeups.wake("a")
    assert not wakeups.stuck()
    now[0] = STUCK_SECONDS + 1

    assert wakeups.stuck()


async def test_a_step_that_does_not_end_is_noticed():
    now = [0.0]
    begun = asyncio.Event()

    async def endless(_: frozenset[Hashable]) -> None:
        begun.set()
        await asyncio.Event().wait()

    wakeups = Wakeups(endless, on_fault=lambda _: None, clock=lambda: now[0])
    task = asyncio.create_task(wakeups.run())
    wakeups.wake("a")
    await begun.wait()
    assert not wakeups.stuck()
    now[0] = STUCK_SECONDS + 1

    assert wakeups.stuck()
    task.cancel()
