"""A simulated process: whose steps these are, whether it lives, and what its clocks say."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from kurs.kernel.clock import MICROS

PROCESS: ContextVar["Process"] = ContextVar("process")
"""Whose step runs; absent for the world itself."""


class ProcessDied(BaseException):
    """Raised out of blocking work in which the process dies; nobody catches it but the loop."""


@dataclass(eq=False, slots=True)
class Process:
    """One incarnation of a process: after a death another one begins with what is on disk.

    `offset_us` is what its wall clock is off by, in microseconds; `rate` how fast its clocks go
    (1.001 gains a millisecond a second).
    """

    name: str
    incarnation: int = 0
    alive: bool = True
    offset_us: int = 0
    rate: float = 1.0
    since: float = 0.0
    passed: float = 0.0
    turned: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once it serves, or has ended before it could."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    kept: list[object] = field(default_factory=list)
    """What must not be collected: a collected coroutine would run its `finally`."""

    @property
    def service(self) -> str:
        """The service that it is a replica of: `payments-2` is one of payments."""
        return self.name.rpartition("-")[0]

    def seconds(self, world: float) -> float:
        """Return the process's own seconds at a moment of the world's."""
        return self.passed + (world - self.since) * self.rate

    def go_at(self, rate: float, world: float) -> None:
        """Let its clocks go at another rate from now on, without a jump."""
        self.passed, self.since, self.rate = self.seconds(world), world, rate

    def __str__(self) -> str:
        return self.name


class WorldClock:
    """The clocks of all processes over one virtual time: `seconds` is the world's."""

    def __init__(self, epoch_us: int, seconds: Callable[[], float]) -> None:
        self._epoch_us = epoch_us
        self._seconds = seconds

    def now(self) -> int:
        """Return microseconds since the epoch, as the process whose step runs sees them."""
        process = PROCESS.get(None)
        offset_us = 0 if process is None else process.offset_us
        return self._epoch_us + round(self.monotonic() * MICROS) + offset_us

    def monotonic(self) -> float:
        """Return the monotonic seconds of the process whose step runs."""
        process = PROCESS.get(None)
        return self._seconds() if process is None else process.seconds(self._seconds())
