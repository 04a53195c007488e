"""SQLite: one writer thread and two that read, each with a connection of its own."""

import asyncio
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from kurs.data.address import Address, UrlUnfit
from kurs.data.database import Database, Returned, Work
from kurs.data.failures import Trouble, trouble_of
from kurs.data.limits import Limits
from kurs.kernel.clock import monotonic
from kurs.telemetry import Telemetry

_OTHERS_SECONDS = 10
"""How long a connection of a command waits for other processes."""
_TURN_OPERATIONS = 20_000
"""Of SQLite's machine, between two looks at the time: some milliseconds."""


class Sqlite(Database):
    """A database in a file."""

    dialect = "sqlite"
    lanes = 1

    def __init__(self, address: Address, telemetry: Telemetry | None, limits: Limits) -> None:
        super().__init__(telemetry, limits)
        make_folder(address)
        self._writer = _Threads(address, "BEGIN IMMEDIATE", 1, limits.lock_seconds)
        self._readers = _Threads(address, "BEGIN", 2, limits.lock_seconds)

    async def _run_read(self, work: Work[Returned], seconds: float) -> Returned:
        return await self._readers.run(work, seconds)

    async def _run_write(
        self, work: Work[Returned], lock_seconds: float | None, seconds: float | None
    ) -> Returned:
        # The one lock is the file's: a connection waits for it before its transaction begins.
        del lock_seconds
        return await self._writer.run(work, seconds or self.limits.statement_seconds)

    async def close(self) -> None:
        """Finish what runs and close every connection."""
        for threads in (self._writer, self._readers):
            await asyncio.to_thread(threads.close)


class _Threads:
    """Threads that each keep one connection: a pool's care for it cost a tenth of a transaction."""

    def __init__(self, address: Address, begin: str, threads: int, lock_seconds: float) -> None:
        self._engine = sqlite_engine(address, begin=begin, lock_seconds=lock_seconds)
        self._pool = ThreadPoolExecutor(threads, "sqlite")
        self._own = threading.local()

    async def run(self, work: Work[Returned], seconds: float) -> Returned:
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, self._transaction, work, seconds
        )

    def _transaction(self, work: Work[Returned], seconds: float) -> Returned:
        connection = self._connection()
        self._own.until_monotonic = monotonic() + seconds
        try:
            with connection.begin():
                return work(connection)
        except Exception as error:
            if trouble_of(error) not in (None, Trouble.CONFLICT):
                # What a connection has open may be gone, or not what is there now.
                del self._own.connection
                connection.invalidate()
                connection.close()
            raise

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._engine.connect()
            own: Any = connection.connection.driver_connection
            own.set_progress_handler(self._is_late, _TURN_OPERATIONS)
        return connection

    def _is_late(self) -> int:
        """Tell SQLite to end the statement, by what is not 0."""
        return int(monotonic() > self._own.until_monotonic)

    def close(self) -> None:
        self._pool.shutdown()
        # A connection returns to the engine's pool when its thread's locals are gone.
        del self._own
        self._engine.dispose()


def make_folder(address: Address) -> None:
    """Make the folder of a file, unless it is there; raises UrlUnfit when it cannot be made."""
    folder = Path(address.path).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UrlUnfit(f"no folder {folder} for the database: {error.strerror}") from None


def sqlite_engine(address: Address, *, begin: str, lock_seconds: float = _OTHERS_SECONDS) -> Engine:
    """Return an engine whose transactions start with `begin` (the driver would start them late)."""
    engine = create_engine(
        URL.create("sqlite", database=address.path),
        connect_args={"check_same_thread": False, "timeout": lock_seconds},
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        _write_ahead(connection)
        for pragma in ("synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def start(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _write_ahead(connection: Any) -> None:
    """Turn the write-ahead log on, however many do so with a new file at once.

    For this change SQLite does not wait as it does for a lock (https://sqlite.org/wal.html).
    """
    deadline = monotonic() + _OTHERS_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # The low byte is the kind of an error, whatever SQLite adds to it.
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
