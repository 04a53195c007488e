"""The loop of a world: time that jumps, an order that a seed chooses, processes that die."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

import pytest

from simulation.loop import Stalled, VirtualLoop, context_of
from simulation.oracle.promise import BrokenPromise
from simulation.plan import Plan, Trouble, draw
from simulation.process import Process, WorldClock
from simulation.run import Outcome
from simulation.shrink import shrink


def run(work: Coroutine[Any, Any, Any], seed: int = 1) -> Any:
    loop = VirtualLoop(random.Random(seed))
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()


def test_a_year_passes_at_once() -> None:
    async def wait() -> float:
        await asyncio.sleep(365 * 86_400)
        return asyncio.get_running_loop().time()

    assert run(wait()) == 365 * 86_400


def test_a_seed_chooses_the_order_and_always_the_same() -> None:
    async def order() -> list[int]:
        seen: list[int] = []

        async def one(number: int) -> None:
            await asyncio.sleep(0)
            seen.append(number)

        await asyncio.gather(*(one(number) for number in range(6)))
        return seen

    orders = {seed: run(order(), seed) for seed in range(20)}

    assert all(sorted(seen) == list(range(6)) for seen in orders.values())
    assert len({tuple(seen) for seen in orders.values()}) > 10
    assert orders[7] == run(order(), 7)


def test_who_waits_for_nothing_is_told() -> None:
    with pytest.raises(Stalled):
        run(asyncio.Event().wait())


def test_timers_of_one_moment_fire_in_the_order_in_which_they_were_set() -> None:
    async def world() -> list[int]:
        loop, fired = asyncio.get_running_loop(), list[int]()
        for number in range(300):
            timer = loop.call_later(5.0, fired.append, number)
            if number % 3:
                # Most of them, so that they are thrown away meanwhile.
                timer.cancel()
        await asyncio.sleep(10)
        return fired

    assert run(world()) == list(range(0, 300, 3))


def test_a_timer_that_was_cancelled_is_nothing_to_wait_for() -> None:
    async def wait() -> None:
        asyncio.get_running_loop().call_later(5.0, print).cancel()
        await asyncio.Event().wait()

    with pytest.raises(Stalled):
        run(wait())


def test_a_process_that_dies_does_nothing_more_not_even_finally() -> None:
    done: list[str] = []

    async def live() -> None:
        try:
            done.append("begun")
            await asyncio.sleep(1)
            done.append("went on")
        finally:
            done.append("cleaned up")

    async def world() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        process = Process("payments-1")
        kept.append(loop.create_task(live(), context=context_of(process)))
        await asyncio.sleep(0.5)
        process.alive = False
        loop.forget(process)
        await asyncio.sleep(10)
        assert done == ["begun"]

    kept: list[object] = []
    run(world())


def test_a_frozen_process_goes_on_where_it_was() -> None:
    async def world() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        process = Process("wallet-1")

        async def live() -> float:
            await asyncio.sleep(1)
            return loop.time()

        task = loop.create_task(live(), context=context_of(process))
        await asyncio.sleep(0.5)
        loop.freeze(process)
        await asyncio.sleep(20)
        loop.thaw(process)
        return await task

    assert run(world()) == 20.5


def test_clocks_of_processes_differ_and_never_jump_by_their_rate() -> None:
    seconds = 100.0
    clock = WorldClock(0, lambda: seconds)
    process = Process("fx-1", since=100.0, passed=100.0)

    def read() -> tuple[int, float]:
        return clock.now(), clock.monotonic()

    process.go_at(1.01, 100.0)
    process.offset_us = 5
    assert context_of(process).run(read) == (100_000_005, 100.0)
    seconds = 200.0
    assert context_of(process).run(read) == (201_000_005, 201.0)
    assert read() == (200_000_000, 200.0)


def test_a_failing_plan_is_cut_down_to_what_is_needed() -> None:
    plan = draw(5, seconds=60, payments=40, troubles=frozenset(Trouble), faults=20)
    wanted = plan.faults[7], plan.sessions[11], plan.sessions[30], plan.deposits[2]

    def outcome(candidate: Plan) -> Outcome:
        kept = {*candidate.faults, *candidate.sessions, *candidate.deposits}
        broken = BrokenPromise("one", "seen") if set(wanted) <= kept else None
        return Outcome(candidate, broken, [], "", 0.0)

    smallest = shrink(outcome(plan), outcome, 120).plan

    assert smallest.faults == wanted[:1]
    assert smallest.sessions == wanted[1:3]
    assert smallest.deposits == wanted[3:]


def test_a_plan_is_drawn_from_its_seed_alone() -> None:
    def drawn(seed: int) -> Plan:
        return draw(seed, seconds=60, payments=20, troubles=frozenset(Trouble), faults=10)

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert not draw(1, seconds=60, payments=1, troubles=frozenset(), faults=9).faults
