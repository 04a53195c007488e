"""One way to a database, SQLite or PostgreSQL: synchronous SQLAlchemy Core in a transaction.

A store is plain functions `fn(connection, ...)`. On SQLite they run in the one writer thread
(`BEGIN IMMEDIATE`, WAL, `synchronous=FULL`); on PostgreSQL the same code runs over asyncpg. So a
store is written and tested once. What is locked, full, read-only or gone is DatabaseUnavailable
(kurs.data.failures), within the times of kurs.data.limits.
"""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from sqlalchemy import Connection, Select, Table, text
from sqlalchemy.dialects import postgresql, sqlite

from kurs.data.address import read_address
from kurs.data.failures import DatabaseUnavailable, Trouble, trouble_of, unavailable
from kurs.data.limits import Limits
from kurs.data.sql_spans import SqlSpans
from kurs.kernel import progress
from kurs.kernel.clock import monotonic
from kurs.telemetry import Telemetry

Returned = TypeVar("Returned")
Work = Callable[[Connection], Returned]

_ATTEMPTS = 6
_AGAIN_SECONDS = 5.0
"""How long a write is begun again: whoever asked for it waits no longer."""
_AGAIN = "kurs_again"
_SELECT_ONE = text("SELECT 1")


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
    """A database of one service. `dialect` is `sqlite` or `postgresql`.

    `lanes` is how many transactions of one writer it takes at once, if one is slow.
    """

    dialect: ClassVar[str]
    lanes: ClassVar[int]

    def __init__(self, telemetry: Telemetry | None, limits: Limits) -> None:
        metrics = DatabaseMetrics(telemetry.registry if telemetry else CollectorRegistry())
        self.telemetry = telemetry
        self.limits = limits
        self._spans = SqlSpans(telemetry.tracer, self.dialect) if telemetry else None
        self._written = metrics.transactions.labels("write", "committed")
        self._retried = metrics.transactions.labels("write", "retried")
        self._read = metrics.transactions.labels("read", "done")
        self._unavailable = metrics.transactions.labels("any", "unavailable")
        self._write_seconds = metrics.seconds.labels("write")
        self._connections = metrics.connections

    @staticmethod
    def open(
        url: str, telemetry: Telemetry | None = None, limits: Limits | None = None
    ) -> "Database":
        """Open `sqlite:///path.db` or `postgresql://…`; raises UrlUnfit for others."""
        address = read_address(url)
        # Each of the two is a Database, and needs this module.
        if address.backend == "sqlite":
            from kurs.data.sqlite import Sqlite

            return Sqlite(address, telemetry, limits or Limits())
        from kurs.data.postgresql import Postgresql

        return Postgresql(address, telemetry, limits or Limits())

    async def read(self, work: Work[Returned], *, seconds: float | None = None) -> Returned:
        """Run `work` in a read transaction, and once more where that may help.

        `seconds` is what its statements may take where the database's limit is shorter. Raises
        DatabaseUnavailable.
        """
        self._read.inc()
        traced = self._traced(work, "read")
        limit = max(seconds or 0.0, self.limits.statement_seconds)
        for last in (False, True):
            try:
                found = await self._run_read(traced, limit)
                progress.made()
                return found
            except Exception as error:
                trouble = trouble_of(error)
                if trouble is None:
                    raise
                if last or trouble is Trouble.BLOCKED:
                    raise self._refused(error) from error
        raise AssertionError("unreachable")

    async def write(
        self,
        work: Work[Returned],
        *,
        lock_seconds: float | None = None,
        seconds: float | None = None,
    ) -> Returned:
        """Run `work` in one transaction and commit it.

        It is run again after a deadlock, a serialization failure, a lost connection or
        RetryTransaction; so it must read what it decides on inside, and `may_be_done` tells it
        whether it may find its own work there. `lock_seconds` is how long it
        waits for a lock where that is not the database's own limit, `seconds` what a statement may
        take where that is shorter. Raises DatabaseUnavailable, and DatabaseBlocked when a lock did
        not come, or a statement was broken off.
        """
        if seconds is not None:
            seconds = max(seconds, self.limits.statement_seconds)
        ends = monotonic() + _AGAIN_SECONDS
        traced = self._traced(work, "write")
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self._write_seconds.time():
                    result = await self._run_write(traced, lock_seconds, seconds)
            except Exception as error:
                trouble = trouble_of(error)
                if trouble is None:
                    raise
                if trouble is Trouble.BLOCKED or attempt == _ATTEMPTS or monotonic() > ends:
                    # A part of a batch that was told of before is one line of the log less.
                    raise self._refused(error, quiet=lock_seconds is not None) from error
                self._retried.inc()
                if trouble is Trouble.GONE:
                    traced = _told_again(traced)
                await asyncio.sleep(random.uniform(0, 0.005 * 3**attempt))  # noqa: S311
            else:
                self._written.inc()
                progress.made()
                return result
        raise AssertionError("unreachable")

    async def ping(self) -> None:
        """See that the database takes a write, at the first try; raises DatabaseUnavailable."""
        try:
            await self._run_write(self._look, None, None)
        except Exception as error:
            if trouble_of(error) is None:
                raise
            raise unavailable(error) from error

    def _look(self, connection: Connection) -> None:
        connection.execute(_SELECT_ONE)

    def _refused(self, error: Exception, *, quiet: bool = False) -> DatabaseUnavailable:
        self._unavailable.inc()
        refused = unavailable(error)
        if self.telemetry is not None and not quiet:
            # What the driver says is for those who run it; it may name tables and rows.
            why = str(getattr(error, "orig", None) or error)
            self.telemetry.logger.warning("database unavailable", error=why)
        return refused

    def _traced(self, work: Work[Returned], kind: str) -> Work[Returned]:
        return self._spans.traced(work, kind) if self._spans else work

    @abstractmethod
    async def _run_read(self, work: Work[Returned], seconds: float) -> Returned: ...

    @abstractmethod
    async def _run_write(
        self, work: Work[Returned], lock_seconds: float | None, seconds: float | None
    ) -> Returned: ...

    @abstractmethod
    async def close(self) -> None:
        """Finish what runs and close every connection."""


def may_be_done(connection: Connection) -> bool:
    """Tell whether this very work may have been committed before, and only its answer lost."""
    return bool(connection.get_execution_options().get(_AGAIN))


def _told_again(work: Work[Returned]) -> Work[Returned]:
    def again(connection: Connection) -> Returned:
        # SQLite's connection stays, and what is set on it.
        connection.execution_options(**{_AGAIN: True})
        try:
            return work(connection)
        finally:
            connection.execution_options(**{_AGAIN: False})

    return again


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
