"""payments.waves: what waits goes together; nobody waits for a wave that got stuck."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from kurs.kernel.batching import BatchMetrics
from kurs.kernel.errors import Overloaded
from payments.waves import Waves, give_way, together


class Entrance:
    """Waves with the sizes they had, and payments that stay under way until they may end."""

    def __init__(self, *, patience: float = 60, largest: int = 200, max_waiting: int = 100) -> None:
        self.registry = CollectorRegistry()
        self.waves = Waves(
            metrics=BatchMetrics(self.registry),
            patience=patience,
            largest=largest,
            max_waiting=max_waiting,
        )
        self.entered: list[int] = []
        self.may_end: dict[int, asyncio.Event] = {}

    def start(self, *numbers: int) -> list["asyncio.Task[None]"]:
        for number in numbers:
            self.may_end[number] = asyncio.Event()
        return [asyncio.create_task(self._pay(number)) for number in numbers]

    def end(self, *numbers: int) -> None:
        for number in numbers:
            self.may_end[number].set()

    def number_of_waves(self) -> float:
        count = self.registry.get_sample_value("kurs_batch_size_count", {"batcher": "waves"})
        assert count is not None
        return count

    async def _pay(self, number: int) -> None:
        async with self.waves.place():
            self.entered.append(number)
            await self.may_end[number].wait()


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_first_two_need_not_wait_for_each_other() -> None:
    entrance = Entrance()
    entrance.start(1)
    await _settle()
    entrance.start(2)
    await _settle()
    assert entrance.entered == [1, 2]
    entrance.end(1, 2)
    await _settle()


async def test_what_arrives_meanwhile_goes_as_one_wave_once_all_but_one_are_back() -> None:
    entrance = Entrance()
    tasks = entrance.start(1, 2, 3)
    await _settle()
    assert entrance.entered == [1, 2, 3]
    tasks += entrance.start(4, 5, 6, 7)
    entrance.end(1)
    await _settle()
    assert entrance.entered == [1, 2, 3]
    entrance.end(2)
    await _settle()
    assert entrance.entered == [1, 2, 3, 4, 5, 6, 7]
    assert entrance.number_of_waves() == 2
    entrance.end(3, 4, 5, 6, 7)
    await asyncio.gather(*tasks)


async def test_a_wave_that_got_stuck_holds_nobody_up_for_longer_than_patience() -> None:
    entrance = Entrance(patience=0.01)
    stuck = entrance.start(1, 2, 3)
    await _settle()
    later = entrance.start(4)
    entrance.end(4)
    await asyncio.wait_for(asyncio.gather(*later), 5)
    assert not any(task.done() for task in stuck)
    entrance.end(1, 2, 3)
    await asyncio.gather(*stuck)
    # Those that ended late are not counted twice: a stuck wave still makes others wait.
    again = entrance.start(5, 6, 7)
    await _settle()
    last = entrance.start(8)
    await _settle()
    assert 8 not in entrance.entered
    entrance.end(5, 6, 7, 8)
    await asyncio.gather(*again, *last)


async def test_a_wave_has_a_largest_size() -> None:
    entrance = Entrance(largest=3)
    tasks = entrance.start(1, 2, 3, 4, 5)
    await _settle()
    assert entrance.entered == [1, 2, 3]
    entrance.end(1, 2)
    await _settle()
    assert entrance.entered == [1, 2, 3, 4, 5]
    entrance.end(3, 4, 5)
    await asyncio.gather(*tasks)


async def test_too_many_that_wait_are_refused_and_the_others_are_not() -> None:
    entrance = Entrance(max_waiting=2)
    inside = entrance.start(1, 2)
    await _settle()
    waiting = entrance.start(3, 4)
    await _settle()
    with pytest.raises(Overloaded):
        await entrance.start(5)[0]
    entrance.end(1, 2, 3, 4)
    await asyncio.gather(*inside, *waiting)


async def test_one_that_gave_up_waiting_takes_no_place() -> None:
    entrance = Entrance()
    inside = entrance.start(1, 2)
    await _settle()
    gone, stays = entrance.start(3, 4)
    await _settle()
    gone.cancel()
    entrance.end(1, 2)
    await asyncio.gather(*inside)
    await _settle()
    assert entrance.entered == [1, 2, 4]
    entrance.end(4)
    await stays


async def test_a_payment_that_fails_gives_its_place_back() -> None:
    entrance = Entrance()

    async def fails() -> None:
        async with entrance.waves.place():
            raise ValueError("on its way")

    for _ in range(5):
        with pytest.raises(ValueError, match="on its way"):
            await fails()
    tasks = entrance.start(1)
    entrance.end(1)
    await asyncio.wait_for(asyncio.gather(*tasks), 5)


class Meeting:
    """One wave whose payments come to the meeting, or leave, when they are told to."""

    def __init__(self, *, patience: float = 60) -> None:
        self.waves = Waves(metrics=BatchMetrics(CollectorRegistry()), patience=patience)
        self.met: list[str] = []
        self.may_come: dict[str, asyncio.Event] = {}

    def start(self, *names: str, meets: bool = True) -> list["asyncio.Task[None]"]:
        for name in names:
            self.may_come[name] = asyncio.Event()
        return [asyncio.create_task(self._pay(name, meets=meets)) for name in names]

    async def come(self, name: str) -> None:
        self.may_come[name].set()
        await _settle()

    async def _pay(self, name: str, *, meets: bool) -> None:
        async with self.waves.place():
            await self.may_come[name].wait()
            if meets:
                await together()
                self.met.append(name)


async def test_a_wave_goes_on_together_without_those_that_left_before() -> None:
    meeting = Meeting()
    tasks = [*meeting.start("a", "b"), *meeting.start("refused", meets=False)]
    await _settle()
    await meeting.come("a")
    await meeting.come("b")
    assert meeting.met == []
    await meeting.come("refused")
    assert meeting.met == ["a", "b"]
    await asyncio.gather(*tasks)


async def test_a_payment_that_does_not_come_holds_its_wave_up_for_no_longer_than_patience() -> None:
    meeting = Meeting(patience=0.01)
    ready, slow = meeting.start("ready", "slow")
    await _settle()
    await meeting.come("ready")
    await asyncio.wait_for(ready, 5)
    assert meeting.met == ["ready"]
    await meeting.come("slow")
    await asyncio.wait_for(slow, 5)


async def test_waves_do_not_wait_for_each_other() -> None:
    meeting = Meeting()
    (alone,) = meeting.start("alone")
    await _settle()
    tasks = meeting.start("next", "also next")
    await _settle()
    await meeting.come("alone")
    assert meeting.met == ["alone"]
    await meeting.come("next")
    assert meeting.met == ["alone"]
    await meeting.come("also next")
    await asyncio.gather(alone, *tasks)


async def test_nobody_waits_outside_of_a_wave() -> None:
    await asyncio.wait_for(together(), 5)


async def test_a_wave_that_gives_way_lets_the_next_one_in_once() -> None:
    entrance = Entrance()
    last_commit = asyncio.Event()

    async def gives_way() -> None:
        async with entrance.waves.place():
            give_way()
            await last_commit.wait()

    first = [asyncio.create_task(gives_way()) for _ in range(3)]
    await _settle()
    inside = entrance.start(1, 2, 3)
    await _settle()
    assert entrance.entered == [1, 2, 3]
    waiting = entrance.start(4)
    last_commit.set()
    await asyncio.gather(*first)
    await _settle()
    # They had left already: their end is not the end of those that came after them.
    assert entrance.entered == [1, 2, 3]
    entrance.end(1, 2, 3, 4)
    await asyncio.gather(*inside, *waiting)


async def test_nobody_gives_way_outside_of_a_wave() -> None:
    give_way()
