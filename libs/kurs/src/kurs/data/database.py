"""One way to a database, SQLite or PostgreSQL: synchronous SQLAlchemy Core in a transaction.

A store is plain functions `fn(connection, ...)`. On SQLite they run in the one writer thread
(`BEGIN IMMEDIATE`, WAL, `synchronous=FULL`); on PostgreSQL the same code runs over asyncpg. So a
store is written and tested once.
"""

import asyncio
import random
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import Connection, Engine, Select, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from kurs.data.sql_spans import SqlSpans
from kurs.kernel.batching import Batcher, BatchMetrics
from kurs.kernel.clock import monotonic
from kurs.kernel.dead_peers import end_with_dead_peer
from kurs.kernel.errors import Unavailable
from kurs.telemetry import Telemetry

Returned = TypeVar("Returned")
Op = TypeVar("Op")
Result = TypeVar("Result")
Work = Callable[[Connection], Returned]

_ATTEMPTS = 6
_SQLITE_SECONDS = 10
"""How long a connection waits for another process."""
# Connections that stay open, and as many again while they are all in use.
_POOL = 4
# PostgreSQL: serialization_failure, deadlock_detected.
_RETRYABLE = frozenset({"40001", "40P01"})
# PostgreSQL: too many connections, and a server that starts or stops.
_UNAVAILABLE = frozenset({"53300", "57P01", "57P02", "57P03"})
_CONNECTION_LOST = "08"
"""The class of SQLSTATE for a connection that broke, also while it was being made."""


class RetryTransaction(Exception):
    """Raised inside a transaction to roll it back and run it again on what is stored now."""


class DatabaseUnavailable(Unavailable):
    """The database does not answer; the outcome of a write is not known to have happened."""

    code = "database_unavailable"
    title = "Database unavailable"


class DatabaseMetrics:
    """What one app's database reports."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.transactions = Counter(
            "kurs_database_transactions_total", "Transactions by kind and result.",
            ["kind", "result"], registry=registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "kurs_database_transaction_duration_seconds", "Time of a transaction with its commit.",
            ["kind"], buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1),
            registry=registry,
        )  # fmt: skip
        self.connections = Gauge(
            "kurs_database_connections", "Connections to PostgreSQL: in_use, idle, and the limit.",
            ["state"], registry=registry,
        )  # fmt: skip


class Database(ABC):
    """A database of one service. `dialect` is `sqlite` or `postgresql`."""

    dialect: str

    def __init__(self, telemetry: Telemetry | None) -> None:
        metrics = DatabaseMetrics(telemetry.registry if telemetry else CollectorRegistry())
        self.telemetry = telemetry
        self._spans = SqlSpans(telemetry.tracer, self.dialect) if telemetry else None
        self._written = metrics.transactions.labels("write", "committed")
        self._retried = metrics.transactions.labels("write", "retried")
        self._read = metrics.transactions.labels("read", "done")
        self._write_seconds = metrics.seconds.labels("write")
        self._connections = metrics.connections

    @staticmethod
    def open(url: str, telemetry: Telemetry | None = None) -> "Database":
        """Open `sqlite:///path.db` or `postgresql+asyncpg://…`; raises ValueError for others."""
        backend = make_url(url).get_backend_name()
        if backend == "sqlite":
            return _Sqlite(url, telemetry)
        if backend == "postgresql":
            return _Postgresql(url, telemetry)
        raise ValueError(f"{backend!r}: use sqlite:///var/x.db or postgresql+asyncpg://…")

    async def read(self, work: Work[Returned]) -> Returned:
        """Run `work` in a read transaction."""
        self._read.inc()
        return await self._run_read(self._traced(work, "read"))

    async def write(self, work: Work[Returned]) -> Returned:
        """Run `work` in one transaction and commit it.

        It is run again after a deadlock, a serialization failure, a lost connection or
        RetryTransaction; so it must read what it decides on inside. Raises DatabaseUnavailable.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._write_seconds.time():
                    result = await self._run_write(self._traced(work, "write"))
            except (RetryTransaction, DBAPIError, OSError) as error:
                if not is_retryable(error):
                    raise
                if attempt == _ATTEMPTS:
                    raise DatabaseUnavailable("the database does not answer") from error
                self._retried.inc()
                await asyncio.sleep(random.uniform(0, 0.005 * 3**attempt))  # noqa: S311
            else:
                self._written.inc()
                return result
        raise AssertionError("unreachable")

    async def ping(self) -> None:
        """See that the database takes a transaction; raises DatabaseUnavailable."""
        await self._run_write(lambda connection: connection.execute(text("SELECT 1")))

    def _traced(self, work: Work[Returned], kind: str) -> Work[Returned]:
        return self._spans.traced(work, kind) if self._spans else work

    @abstractmethod
    async def _run_read(self, work: Work[Returned]) -> Returned: ...

    @abstractmethod
    async def _run_write(self, work: Work[Returned]) -> Returned: ...

    @abstractmethod
    async def close(self) -> None:
        """Finish what runs and close every connection."""


class _Sqlite(Database):
    dialect = "sqlite"

    def __init__(self, url: str, telemetry: Telemetry | None) -> None:
        super().__init__(telemetry)
        path = make_url(url).database
        if not path or path == ":memory:":
            raise ValueError("SQLite needs a file, such as sqlite:///var/wallet.db")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._writer = _SqliteThreads(url, "BEGIN IMMEDIATE", 1)
        self._readers = _SqliteThreads(url, "BEGIN", 2)

    async def _run_read(self, work: Work[Returned]) -> Returned:
        return await self._readers.run(work)

    async def _run_write(self, work: Work[Returned]) -> Returned:
        return await self._writer.run(work)

    async def close(self) -> None:
        for threads in (self._writer, self._readers):
            await asyncio.to_thread(threads.close)


class _SqliteThreads:
    """Threads that each keep one connection: a pool's care for it cost a tenth of a transaction."""

    def __init__(self, url: str, begin: str, threads: int) -> None:
        self._engine = sqlite_engine(url, begin=begin)
        self._pool = ThreadPoolExecutor(threads, "sqlite")
        self._own = threading.local()

    async def run(self, work: Work[Returned]) -> Returned:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._transaction, work)

    def _transaction(self, work: Work[Returned]) -> Returned:
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._engine.connect()
        with connection.begin():
            return work(connection)

    def close(self) -> None:
        self._pool.shutdown()
        # A connection returns to the engine's pool when its thread's locals are gone.
        del self._own
        self._engine.dispose()


class _Postgresql(Database):
    dialect = "postgresql"

    def __init__(self, url: str, telemetry: Telemetry | None) -> None:
        super().__init__(telemetry)
        self._engine: AsyncEngine = create_async_engine(
            url,
            pool_size=_POOL,
            max_overflow=_POOL,
            pool_timeout=5,
            pool_recycle=1800,
            connect_args={"timeout": 5},
        )
        event.listen(self._engine.sync_engine, "connect", _on_connect)
        pool = self._engine.sync_engine.pool
        assert isinstance(pool, QueuePool)
        self._connections.labels("in_use").set_function(pool.checkedout)
        self._connections.labels("idle").set_function(pool.checkedin)
        self._connections.labels("limit").set(2 * _POOL)

    async def _run_read(self, work: Work[Returned]) -> Returned:
        try:
            async with self._engine.connect() as connection:
                return await connection.run_sync(work)
        except (DBAPIError, OSError) as error:
            if is_retryable(error):
                raise DatabaseUnavailable("the database does not answer") from error
            raise

    async def _run_write(self, work: Work[Returned]) -> Returned:
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        await self._engine.dispose()


class Writer(Generic[Op, Result]):
    """The one writer of a store: concurrent operations share a transaction, while busy.

    `apply(connection, ops)` returns a result or an exception per operation, in order. If it
    raises, the operations are tried alone, so that a bad one fails alone.

    `member` tells the traceparent of an operation that is sampled: the span of the batch's
    transaction links to it.
    """

    def __init__(
        self,
        database: Database,
        apply: Callable[[Connection, Sequence[Op]], Sequence[Result | Exception]],
        *,
        name: str,
        member: Callable[[Op], str | None] = lambda _: None,
        metrics: BatchMetrics | None = None,
        max_batch: int = 500,
        max_queue: int = 10_000,
    ) -> None:
        async def run(ops: Sequence[Op]) -> Sequence[Result | Exception]:
            members = [traceparent for op in ops if (traceparent := member(op))]
            if not members or database.telemetry is None:
                return await database.write(lambda connection: apply(connection, ops))
            service = database.telemetry.service
            with database.telemetry.batch_span(f"{service} transaction", members) as span:
                span.set_attribute("kurs.batch.size", len(ops))
                return await database.write(lambda connection: apply(connection, ops))

        self._batcher: Batcher[Op, Result] = Batcher(
            run, name=name, max_batch=max_batch, max_queue=max_queue, isolate=True, metrics=metrics
        )
        self.submit = self._batcher.submit
        self.submit_many = self._batcher.submit_many
        self.close = self._batcher.close


def insert(connection: Connection, table: Table) -> Any:
    """Return the dialect's INSERT, with `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def for_update(
    connection: Connection, query: Select[Any], *, skip_locked: bool = False
) -> Select[Any]:
    """Lock the rows read on PostgreSQL; on SQLite the one writer already excludes others."""
    if connection.dialect.name == "sqlite":
        return query
    return query.with_for_update(skip_locked=skip_locked)


def sqlite_engine(url: str, *, begin: str) -> Engine:
    """Return an engine whose transactions start with `begin` (the driver would start them late)."""
    engine = create_engine(
        url, connect_args={"check_same_thread": False, "timeout": _SQLITE_SECONDS}
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
    deadline = monotonic() + _SQLITE_SECONDS
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


def _on_connect(connection: Any, _: Any) -> None:
    end_with_dead_peer(connection.driver_connection._transport.get_extra_info("socket"))
    # The server keeps a statement's plan. One that was made while a table was empty reads it
    # whole, and goes on doing so as it grows until somebody analyses it.
    cursor = connection.cursor()
    cursor.execute("SET enable_seqscan = off")
    cursor.close()
    connection.commit()


def is_retryable(error: BaseException) -> bool:
    """Return whether the same again may succeed: the server was not there, or chose another."""
    if not isinstance(error, DBAPIError):
        return True
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in _RETRYABLE or state in _UNAVAILABLE or state.startswith(_CONNECTION_LOST):
        return True
    if error.connection_invalidated:
        return True
    return "database is locked" in str(error.orig)
