"""When which process is killed during a round: seeded, and tied to how far the load has come."""

import asyncio
import random
import signal
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from devstack import Stack

_DATABASES = ("kurs_wallet", "kurs_payments", "kurs_risk")
BACKEND = "postgresql-backend"
"""A strike on a connection's process inside PostgreSQL: its server then ends them all and recovers
from its log, as after a crash of its own."""


@dataclass(frozen=True, slots=True)
class Strike:
    """`kill -9` of processes once job number `at` has begun.

    Seconds: `pause` passes before it, and the processes stay down for `outage`.
    """

    at: int
    names: tuple[str, ...]
    pause: float
    outage: float

    def __str__(self) -> str:
        return f"{'+'.join(self.names)} at job {self.at}"


def draw_strikes(seed: int, targets: Sequence[tuple[str, ...]], every: int) -> list[Strike]:
    """Return one strike on each target, in a drawn order, one per `every` jobs."""
    chance = random.Random(f"{seed}:strikes")
    order = chance.sample(list(targets), len(targets))
    return [
        Strike(
            at=number * every + chance.randrange(every // 4, every // 2),
            names=names,
            pause=chance.choice((0.0, chance.uniform(0, 0.02), chance.uniform(0, 0.2))),
            outage=chance.choice((0.0, chance.uniform(0, 1.0))),
        )
        for number, names in enumerate(order)
    ]


async def carry_out(stack: Stack, strike: Strike) -> None:
    """Kill, wait, start again, and return when everything is ready."""
    await asyncio.sleep(strike.pause)
    for name in strike.names:
        if name == BACKEND:
            folder = stack.folder.path / "postgresql"
            kill_backend(folder, _DATABASES, random.Random(strike.at))
        else:
            await asyncio.to_thread(stack.kill, name)
    await asyncio.sleep(strike.outage)
    services = [name for name in strike.names if name != BACKEND]
    if services:
        await asyncio.to_thread(stack.restart, *services)


def kill_backend(folder: Path, databases: Collection[str], chance: random.Random) -> None:
    """Kill one process of the PostgreSQL in `folder` that serves one of these databases."""
    pid_file = folder / "postmaster.pid"
    postmaster = psutil.Process(int(pid_file.read_text().splitlines()[0]))
    serving = [
        child
        for child in postmaster.children()
        if any(f" {name} " in _title(child) for name in databases)
    ]
    if serving:
        chance.choice(serving).send_signal(signal.SIGKILL)


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
