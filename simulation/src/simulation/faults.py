"""Lets the faults of a plan happen to a world, each in its time, and ends them all."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

from kurs.kernel.clock import MICROS
from simulation.network import Aim, Moment
from simulation.plan import Fault, Trouble
from simulation.receivers import Receivers
from simulation.world import World

_MISBEHAVIOUR = {
    Trouble.RECEIVER_FAILS: "fails",
    Trouble.RECEIVER_BUSY: "busy",
    Trouble.RECEIVER_LATE: "late",
    Trouble.RECEIVER_LOSES: "loses",
    Trouble.RECEIVER_LIES: "lies",
}
_RESTART_SECONDS = (0.3, 6.0)
_MOMENTS = tuple(Moment)
_AIM_SECONDS = 10.0
"""How long somebody aims at a process that asks for nothing."""
Tell = Callable[[str], None]


class Faults:
    """The troubles of one run. `tell` gets a line for each that happens."""

    def __init__(
        self, world: World, receivers: Receivers, chance: random.Random, tell: Tell
    ) -> None:
        self._world = world
        self._receivers = receivers
        self._chance = chance
        self._tell = tell
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts: dict[Trouble, int] = {}
        self._act: dict[Trouble, Callable[[Fault], None]] = {
            Trouble.KILL: self._kill,
            Trouble.KILL_INSIDE: self._kill_inside,
            Trouble.TERMINATE: self._terminate,
            Trouble.FREEZE: self._freeze,
            Trouble.KILL_ASKING: lambda f: self._aim(f, self._kill),
            Trouble.FREEZE_ASKING: lambda f: self._aim(f, self._freeze),
            Trouble.PART: self._part,
            Trouble.LOSE: self._lose,
            Trouble.LATE: lambda f: self._weather(f, "late", f.much / 2),
            Trouble.DOUBLE: lambda f: self._weather(f, "doubled", f.much / 2),
            Trouble.RESET: lambda f: self._weather(f, "reset", f.much / 2),
            Trouble.CLOCK_STEP: self._step_clock,
            Trouble.CLOCK_RATE: self._change_rate,
            Trouble.DATABASE_GONE: lambda f: self._database(f, "gone"),
            Trouble.DATABASE_READ_ONLY: lambda f: self._database(f, "read_only"),
            Trouble.DATABASE_FULL: lambda f: self._database(f, "full"),
            Trouble.DATABASE_SLOW: self._slow_database,
            Trouble.RATES_SILENT: lambda f: self._market(f, "silent", True, False),
            Trouble.RATES_GARBLED: lambda f: self._market(f, "garbled", True, False),
            Trouble.RATES_JUMP: lambda f: self._market(f, "jump", 0.5 + f.much, 1.0),
            Trouble.EDIT: self._edit,
            Trouble.ROLL: lambda f: self._after(0.0, lambda: self._world.roll(f.target)),
            Trouble.RECEIVER_DEAD: lambda f: self._receiver(f, "dead", True, False),
            Trouble.RECEIVER_SLOW: lambda f: self._receiver(f, "slow", f.much * 12, 0.0),
            Trouble.RECEIVER_GONE: lambda f: self._receiver(f, "gone", True, False),
            **dict.fromkeys(_MISBEHAVIOUR, self._misbehave),
        }

    async def strike(self, fault: Fault, begins: float) -> None:
        """Let a fault happen at its time; plans begin at `begins`."""
        await asyncio.sleep(begins + fault.at - self._world.loop.time())
        self.counts[fault.trouble] = self.counts.get(fault.trouble, 0) + 1
        self._tell(f"! {fault.trouble} {fault.target} for {fault.seconds:g} s, {fault.much:.2f}")
        self._act[fault.trouble](fault)

    async def settle(self) -> None:
        """Wait until every fault has ended and every process runs again."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def _after(self, seconds: float, act: Callable[[], object]) -> None:
        async def later() -> None:
            await asyncio.sleep(seconds)
            done = act()
            if asyncio.iscoroutine(done):
                await done

        task = asyncio.get_running_loop().create_task(later())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _kill(self, fault: Fault) -> None:
        process = self._world.processes[fault.target]
        if process.alive:
            self._world.kill(process)
            self._restart(fault.target)

    def _restart(self, name: str) -> None:
        self._after(self._chance.uniform(*_RESTART_SECONDS), lambda: self._world.boot(name))

    def _kill_inside(self, fault: Fault) -> None:
        """Die at one of the next statements, or right after the commit."""
        process = self._world.processes[fault.target]
        if not process.alive:
            return
        self._world.doomed[process] = int(fault.much * 12)

        async def watch() -> None:
            await process.ended.wait()
            await asyncio.sleep(self._chance.uniform(*_RESTART_SECONDS))
            await self._world.boot(fault.target)

        self._after(0.0, watch)

    def _terminate(self, fault: Fault) -> None:
        """SIGTERM: it turns unready, finishes what it has, and another one takes its place."""
        process = self._world.processes[fault.target]
        if process.alive:
            self._after(0.0, lambda: self._world.replace(process))

    def _freeze(self, fault: Fault) -> None:
        """The process stands still, longer than its lease now and then, and goes on."""
        process = self._world.processes[fault.target]
        self._world.loop.freeze(process)
        self._after(fault.seconds, lambda: self._world.loop.thaw(process))

    def _aim(self, fault: Fault, strike: Callable[[Fault], None]) -> None:
        """Strike when the process asks for money to move, before it knows what came of it.

        Longer than its lease now and then: it comes back to what another one took over.
        """
        lasting = replace(fault, seconds=max(fault.seconds, 25 * fault.much))
        aims = self._world.network.aims
        moment = _MOMENTS[int(fault.much * 100) % len(_MOMENTS)]
        aims[fault.target] = Aim(lambda: strike(lasting), moment)
        self._after(_AIM_SECONDS, lambda: aims.pop(fault.target, None))

    def _part(self, fault: Fault) -> None:
        source, _, target = fault.target.partition(">")
        links = [(source, target), (target, source)]
        for link in links if fault.much > 0.5 else links[: 1 + (fault.much > 0.25)]:
            weather = self._world.network.link(*link)
            weather.parted = True
            self._after(fault.seconds, lambda w=weather: setattr(w, "parted", False))  # type: ignore[misc]

    def _lose(self, fault: Fault) -> None:
        kind = "lost_before" if fault.much < 0.5 else "lost_after"
        self._weather(fault, kind, fault.much)

    def _weather(self, fault: Fault, kind: str, probability: float) -> None:
        source, _, target = fault.target.partition(">")
        weather = self._world.network.link(source, target)
        setattr(weather, kind, probability)
        self._after(fault.seconds, lambda: setattr(weather, kind, 0.0))

    def _step_clock(self, fault: Fault) -> None:
        process = self._world.processes[fault.target]
        process.offset_us += round((fault.much - 0.5) * 6 * MICROS)
        self._after(fault.seconds, lambda: self._right(fault.target))

    def _right(self, name: str) -> None:
        self._world.processes[name].offset_us = 0

    def _change_rate(self, fault: Fault) -> None:
        rate = 1 + (fault.much - 0.5) / 250
        self._world.processes[fault.target].go_at(rate, self._world.loop.time())

    def _database(self, fault: Fault, what: str) -> None:
        database = self._world.databases[fault.target]
        setattr(database, what, True)
        self._after(fault.seconds, lambda: setattr(database, what, False))

    def _slow_database(self, fault: Fault) -> None:
        database = self._world.databases[fault.target]
        database.slow_seconds = fault.much * 3
        self._after(fault.seconds, lambda: setattr(database, "slow_seconds", 0.0))

    def _market(self, fault: Fault, what: str, value: object, usual: object) -> None:
        market = self._world.market
        setattr(market, what, value)
        self._after(fault.seconds, lambda: setattr(market, what, usual))

    def _misbehave(self, fault: Fault) -> None:
        self._receiver(fault, _MISBEHAVIOUR[fault.trouble], 0.2 + fault.much, 0.0)

    def _receiver(self, fault: Fault, what: str, value: object, usual: object) -> None:
        receiver = self._receivers.named[fault.target]
        setattr(receiver, what, value)
        self._after(fault.seconds, lambda: setattr(receiver, what, usual))

    def _edit(self, fault: Fault) -> None:
        self._world.edit(fault.target, self._chance)
