"""A world: the shipped apps of all five services as processes, on real SQL, in virtual time."""

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from starlette.types import Message

from kurs.kernel.clock import MICROS
from simulation.apps import LENT, make, next_of
from simulation.exchange import Served
from simulation.loop import VirtualLoop, context_of
from simulation.market import Market
from simulation.network import Network
from simulation.process import PROCESS, Process, ProcessDied, WorldClock
from simulation.topology import REPLICAS, STORES, WEBHOOKS

EPOCH_US = 1_767_225_600 * MICROS
"""Where every world begins: 2026-01-01T00:00:00Z."""
_CONFIGURED = ("fx", "risk", "webhooks")
"""The services that follow a document."""
_GRACE_SECONDS = 30.0
"""How long a process that is told to end finishes what it has."""
_CRASH_SECONDS = (0.5, 4.0)
_DATABASE_SECONDS = (0.0002, 0.004)


@dataclass(slots=True)
class Database:
    """What a service's database does now: refuse everything, writes, or more; take its time."""

    gone: bool = False
    read_only: bool = False
    full: bool = False
    slow_seconds: float = 0.0

    def check(self, sql: str) -> None:
        """Raise what the driver would, when it refuses a statement."""
        if self.gone:
            raise _error(sql, "disk I/O error", sqlite3.SQLITE_IOERR)
        if self.full and sql.lstrip().upper().startswith(("INSERT", "UPDATE")):
            raise _error(sql, "database or disk is full", sqlite3.SQLITE_FULL)
        if self.read_only and not _only_reads(sql):
            raise _error(sql, "attempt to write a readonly database", sqlite3.SQLITE_READONLY)


@dataclass
class World:
    """The processes of one run. `folder` holds their files; what is on disk survives a death."""

    chance: random.Random
    loop: VirtualLoop
    folder: Path
    clock: WorldClock
    network: Network
    market: Market
    prepared: Path
    webhooks: bool = False
    processes: dict[str, Process] = field(default_factory=dict)
    databases: dict[str, Database] = field(default_factory=dict)
    replicas: dict[str, int] = field(init=False)
    doomed: dict[Process, int] = field(default_factory=dict)
    """Processes that die inside of a transaction: how many statements they still get."""
    on_commit: list[Callable[[Process], None]] = field(default_factory=list)
    deaths: int = 0
    _wrote: bool = False
    """Whether the blocking work that runs has written anything."""
    _apps: dict[Process, FastAPI] = field(default_factory=dict)
    _lives: dict[Process, "asyncio.Task[None]"] = field(default_factory=dict)
    _stop: dict[Process, "asyncio.Queue[Message]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.loop.execute, self.loop.pauses = self._execute, self._pauses
        LENT.of(self.clock, self.network)
        self.replicas = {**REPLICAS, **(WEBHOOKS if self.webhooks else {})}
        stores = [*STORES, *(WEBHOOKS if self.webhooks else ())]
        self.databases = {name: Database() for name in stores}
        for service in _CONFIGURED:
            for number in range(1, self.replicas.get(service, 0) + 1):
                first = self.prepared / "documents" / "1" / service / "config.json"
                self._show(f"{service}-{number}", first)
        for name in stores:
            shutil.copy(self.prepared / f"{name}.db", self.folder / f"{name}.db")

    async def start(self) -> None:
        """Start every process, the ones that others wait for first."""
        first = ("wallet", "fx", "risk", "payments", "gateway")
        for service in (*first, *(self.replicas.keys() - first)):
            for number in range(1, self.replicas[service] + 1):
                await self.boot(f"{service}-{number}")

    async def boot(self, name: str) -> None:
        """Start the next incarnation of a process, and serve it when it has started.

        Two faults may end one process; the first of them to come here starts the next.
        """
        before = self.processes.get(name)
        if before is not None and before.alive:
            return
        process, app = next_of(name)
        process.incarnation = before.incarnation + 1 if before else 1
        if before is not None:
            process.offset_us, process.rate = before.offset_us, before.rate
            self._apps.pop(before, None)
        process.since = process.passed = self.loop.time()
        self.processes[name] = process
        self._lives[process] = self.loop.create_task(
            self._live(process, app), context=context_of(process)
        )
        await process.turned.wait()
        if not process.alive and not self._served(process):
            # It ended before it served, as it does without its database: it is started once more.
            await asyncio.sleep(self.chance.uniform(*_CRASH_SECONDS))
            await self.boot(name)

    async def roll(self, service: str) -> None:
        """Replace every replica of a service, one after the other, as an update does."""
        for number in range(1, self.replicas[service] + 1):
            process = self.processes[f"{service}-{number}"]
            if process.alive and self._served(process):
                await self.replace(process)

    async def replace(self, process: Process) -> None:
        """Send SIGTERM: it turns unready, ends what it began, goes, and the next one starts."""
        app = self._apps[process]
        app.state.draining = True
        for served in self._served(process):
            served.ready = False
            patience = self.loop.time() + _GRACE_SECONDS
            # As a server looks, too.
            while served.open and process.alive and self.loop.time() < patience:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        if process.alive:
            self._stop[process].put_nowait({"type": "lifespan.shutdown"})
            await asyncio.wait([self._lives[process]], timeout=30)
        self.kill(process)
        await self.boot(process.name)

    def edit(self, service: str, chance: random.Random) -> None:
        """Put another document before one replica of a service, or before all of them."""
        numbers = range(1, self.replicas[service] + 1)
        chosen = [chance.choice(numbers)] if chance.random() < 0.5 else list(numbers)
        document = chance.choice(sorted(self.prepared.glob(f"documents/*/{service}/config.json")))
        for number in chosen:
            self._show(f"{service}-{number}", document)

    def _show(self, name: str, document: Path) -> None:
        folder = self.folder / "config" / name
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / ".config.json"
        shutil.copy(document, fresh)
        fresh.replace(folder / "config.json")

    def _served(self, process: Process) -> list[Served]:
        return [s for s in self.network.served.get(process.service, ()) if s.process is process]

    def kill(self, process: Process) -> None:
        """End a process between two of its steps; what it had not committed is gone."""
        if not process.alive:
            return
        process.alive = False
        process.turned.set()
        process.ended.set()
        self.deaths += 1
        self.loop.forget(process)
        self.network.drop(process)

    async def _live(self, process: Process, app: FastAPI | None) -> None:
        app = self._apps[process] = app or make(process, self.prepared)
        to_app = self._stop[process] = asyncio.Queue()
        state: dict[str, Any] = {}

        async def told(message: Message) -> None:
            if message["type"] != "lifespan.startup.complete":
                return
            served = Served(process, app, state)
            self.network.served.setdefault(process.service, []).append(served)
            process.turned.set()

        to_app.put_nowait({"type": "lifespan.startup"})
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
        try:
            await app(scope, to_app.get, told)
        except Exception:
            self.kill(process)

    def _pauses(self, process: Process | None) -> tuple[float, float]:
        slow = 0.0
        if process is not None and process.service in self.databases:
            slow = self.databases[process.service].slow_seconds
        first, second = (self.chance.uniform(*_DATABASE_SECONDS) for _ in range(2))
        return first + slow, second

    def _execute(self, process: Process | None, work: Callable[[], Any]) -> Any:
        """Run blocking work of a process to its end, or to the statement at which it dies."""
        if process is None:
            return work()
        self._wrote = False
        try:
            result = work()
        except ProcessDied:
            self.kill(process)
            raise
        if self._wrote:
            for look in self.on_commit:
                look(process)
        if self.doomed.pop(process, None) is not None:
            # It committed, and dies before anybody learns of it.
            self.kill(process)
            raise ProcessDied
        return result

    def before_statement(self, *statement: Any) -> None:
        """Let a process die inside of a transaction, or its database refuse; before each statement.

        The arguments are those of SQLAlchemy's `before_cursor_execute`.
        """
        process = PROCESS.get(None)
        if process is None or process.service not in self.databases:
            return
        self.databases[process.service].check(statement[2])
        self._wrote = self._wrote or not _only_reads(statement[2])
        if process not in self.doomed:
            return
        self.doomed[process] -= 1
        if self.doomed[process] < 0:
            del self.doomed[process]
            raise ProcessDied

    def watch_statements(self) -> Callable[[], None]:
        """Begin to see every statement; returns what ends it."""
        event.listen(Engine, "before_cursor_execute", self.before_statement)
        return lambda: event.remove(Engine, "before_cursor_execute", self.before_statement)


def _error(sql: str, text: str, code: int) -> OperationalError:
    """Return what the driver raises, with the code that tells a trouble from a fault."""
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return OperationalError(sql, {}, error)


def _only_reads(sql: str) -> bool:
    return sql.lstrip()[:6].upper().startswith(("SELECT", "BEGIN", "PRAGMA"))
