"""One case: destinations that take events, that are dead and that are slow, and what it costs."""

import asyncio
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from devstack.errors import StackError
from devstack.ports import LOOPBACK, free_ports
from devstack.postgres import EmbeddedPostgres
from devstack.processes import ManagedProcess
from devstack.topology import (
    OPERATIONS,
    SERVICES,
    RunFolder,
    base_environment,
    service_command,
    service_environment,
)
from kurs.edges.table import WEBHOOKS
from loadtest.measures import Latency, latency
from loadtest.webhooks.destinations import Sent, replace_destinations
from loadtest.webhooks.standins import Feed, Receivers, listening

_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Case:
    """`good` destinations, `dead` ones (half refuse, half never answer), and `slow` ones.

    Each has `rate` events a second, for so many `seconds`; before it is `rest_seconds` at rest.
    """

    good: int
    dead: int
    slow: int
    rate: float
    seconds: float
    database: str
    rest_seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    """From an event to its delivery at the good ones; CPU per delivery and at rest."""

    delivered: int
    missing: int
    age: Latency
    cpu_ms: float
    idle_cpu_percent: float


def without_bad(case: Case) -> Case:
    """Return the same case with the good destinations alone."""
    return replace(case, dead=0, slow=0)


async def measure(case: Case) -> Measured:
    """Run webhooks in a process of its own; raises StackError when it does not start."""
    with tempfile.TemporaryDirectory(prefix="kurs-webhooks-") as name:
        folder = RunFolder(Path(name))
        folder.prepare()
        feed = Feed()
        receivers = Receivers(feed)
        async with listening(feed, receivers) as port:
            names = _write_destinations(folder, case, port)
            with _Running(folder, case.database, port) as process:
                return await _run(case, process, feed, receivers, names)


async def _run(
    case: Case,
    process: ManagedProcess,
    feed: Feed,
    receivers: Receivers,
    names: Mapping[str, str],
) -> Measured:
    await _until(process, lambda: feed.asked)
    good = [name for name, kind in names.items() if kind == "good"]
    for name in good:
        # The first of each: its connection, and whoever sends to it.
        feed.happen(name)
    await _until(process, lambda: all(receivers.ages[name] for name in good))
    # What came of the last ones is stored by then.
    rest = case.rest_seconds
    await asyncio.sleep(rest)
    idle = await _spent(process, asyncio.sleep(rest)) / rest
    receivers.ages.clear()
    draw = random.Random(7)
    spent = await _spent(process, _happen(case, feed, list(names), draw, good, receivers, process))
    ages = [age for name in good for age in receivers.ages[name]]
    everywhere = sum(len(each) for each in receivers.ages.values())
    wanted = _wanted(feed, good)
    cpu_ms = spent * 1000 / max(1, everywhere)
    return Measured(len(ages), wanted - len(ages), latency(ages), cpu_ms, idle * 100)


async def _happen(
    case: Case,
    feed: Feed,
    names: list[str],
    draw: random.Random,
    good: list[str],
    receivers: Receivers,
    process: ManagedProcess,
) -> None:
    """Let events happen at random destinations, and wait until the good ones have theirs."""
    pause = 1 / (case.rate * len(names))
    begun = time.perf_counter()
    number = 0
    while (due := number * pause) < case.seconds:
        await asyncio.sleep(max(0.0, begun + due - time.perf_counter()))
        feed.happen(draw.choice(names))
        number += 1
    wanted = _wanted(feed, good)
    await _until(process, lambda: sum(len(receivers.ages[name]) for name in good) >= wanted)


def _wanted(feed: Feed, good: list[str]) -> int:
    """Return how many events went to the good ones after the first of each."""
    chosen = set(good)
    return sum(1 for event in feed.events[len(good) :] if event["merchant"] in chosen)


async def _spent(process: ManagedProcess, work: Awaitable[None]) -> float:
    before = process.cpu_seconds()
    await work
    return process.cpu_seconds() - before


async def _until(process: ManagedProcess, holds: Callable[[], bool]) -> None:
    deadline = time.perf_counter() + _PATIENCE_SECONDS
    while not holds():
        if not process.running():
            raise StackError(f"webhooks ended:\n{process.log_end()}")
        if time.perf_counter() > deadline:
            return
        await asyncio.sleep(0.05)


def _write_destinations(folder: RunFolder, case: Case, port: int) -> Mapping[str, str]:
    """Write the files, each of a merchant of its own; return the kind of each by name."""
    (closed,) = free_ports(1)
    kinds = ["good"] * case.good + ["slow"] * case.slow
    kinds += ["refuses" if number % 2 else "silent" for number in range(case.dead)]
    names = {f"d{number:04}": kind for number, kind in enumerate(kinds)}
    sent = {}
    for name, kind in names.items():
        at = closed if kind == "refuses" else port
        sent[name] = Sent(name, f"http://{LOOPBACK}:{at}/{kind}/{name}")
    replace_destinations(folder, sent)
    compiling = [sys.executable, "-m", "kurs_operator.local", "--once"]
    folders = ["--samples", str(folder.destinations), "--out", str(folder.config)]
    done = subprocess.run([*compiling, *folders], capture_output=True, text=True, check=False)
    if done.returncode:
        raise StackError(f"the destinations are not compiled:\n{done.stdout}{done.stderr}")
    return names


class _Running:
    """webhooks over a database of its own, beside the stand-in for payments at a port."""

    def __init__(self, folder: RunFolder, database: str, payments: int) -> None:
        self._postgres: EmbeddedPostgres | None = None
        owner = url = f"sqlite:///{folder.path / 'webhooks.db'}"
        if database == "postgresql":
            self._postgres = EmbeddedPostgres(folder.path / "postgres")
            self._postgres.create_databases([WEBHOOKS])
            owner, url = self._postgres.owner_url(WEBHOOKS), self._postgres.url(WEBHOOKS)
        (service,) = (each for each in SERVICES if each.name == WEBHOOKS)
        (port,) = free_ports(1, beside=OPERATIONS)
        addresses = {each.name: f"http://{LOOPBACK}:{payments}" for each in SERVICES}
        variables = service_environment(service, folder, port, addresses, url)
        log = folder.logs / "webhooks.log"
        self._migration = ManagedProcess(
            "migration",
            service_command(service, "migrate"),
            environment=base_environment({
                **variables,
                "KURS_DATABASE_URL": owner,
                "KURS_DATABASE_SERVICE_ROLE": WEBHOOKS if self._postgres else "",
            }),
            folder=folder.path,
            log=log,
        )  # fmt: skip
        self._process = ManagedProcess(
            WEBHOOKS,
            service_command(service),
            environment=base_environment(variables),
            folder=folder.path,
            log=log,
        )

    def __enter__(self) -> ManagedProcess:
        self._migration.start()
        if not self._migration.wait(_PATIENCE_SECONDS) or self._migration.exit_code:
            raise StackError(f"webhooks is not migrated:\n{self._migration.log_end()}")
        self._process.start()
        return self._process

    def __exit__(self, *_: object) -> None:
        self._process.stop()
        if self._postgres is not None:
            self._postgres.stop()
