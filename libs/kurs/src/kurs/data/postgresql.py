"""PostgreSQL over asyncpg: a pool whose connections are bounded, and dropped when of no use."""

import asyncio
from typing import Any

import asyncpg
from asyncpg.exceptions import ReadOnlySQLTransactionError, TargetServerAttributeNotMatched
from sqlalchemy import Connection, ExceptionContext, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import greenlet_spawn

from kurs.data.address import Address
from kurs.data.database import Database, Returned, Work
from kurs.data.failures import Trouble, trouble_of_driver
from kurs.data.limits import Limits
from kurs.kernel.dead_peers import end_with_dead_peer
from kurs.telemetry import Telemetry

_RECYCLE_SECONDS = 1800
_IDLE_SECONDS = 10.0
"""After which the server ends a transaction whose process says nothing: its locks hold others."""
_SET = "SELECT set_config('{}', $1, {})"
_READ_ONLY = text("SELECT current_setting('transaction_read_only')")


class Postgresql(Database):
    """A database of a PostgreSQL server, or of the one of several that takes writes."""

    dialect = "postgresql"
    lanes = 3

    def __init__(self, address: Address, telemetry: Telemetry | None, limits: Limits) -> None:
        super().__init__(telemetry, limits)
        kept = limits.connections // 2
        self._engine: AsyncEngine = postgresql_engine(
            address,
            limits,
            pool_size=kept,
            max_overflow=limits.connections - kept,
            pool_timeout=limits.pool_seconds,
            pool_recycle=_RECYCLE_SECONDS,
        )
        event.listen(self._engine.sync_engine, "connect", self._on_connect)
        pool = self._engine.sync_engine.pool
        assert isinstance(pool, QueuePool)
        self._connections.labels("in_use").set_function(pool.checkedout)
        self._connections.labels("idle").set_function(pool.checkedin)
        self._connections.labels("limit").set(limits.connections)

    async def _run_read(self, work: Work[Returned], seconds: float) -> Returned:
        def run(connection: Connection) -> Returned:
            if seconds != self.limits.statement_seconds:
                _set(connection, "statement_timeout", seconds)
            return work(connection)

        return await self._bounded(run, max(seconds + 1.0, self.limits.silence_seconds))

    async def _run_write(
        self, work: Work[Returned], lock_seconds: float | None, seconds: float | None
    ) -> Returned:
        def run(connection: Connection) -> Returned:
            with connection.begin():
                if seconds is not None:
                    _set(connection, "statement_timeout", seconds)
                if lock_seconds is not None:
                    _set(connection, "lock_timeout", lock_seconds)
                return work(connection)

        return await self._bounded(run, max(self.limits.silence_seconds, 1.0 + (seconds or 0.0)))

    async def _bounded(self, work: Work[Returned], seconds: float) -> Returned:
        """Run `work` with a connection, and end that when it has not ended by then.

        A backend that is stopped says nothing, not even that it was cancelled: only to close the
        socket lets whoever waits for it go on. Raises ConnectionAbortedError then, whatever the
        driver makes of a connection that was taken from it.
        """
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def run() -> Returned:
            connection = self._engine.sync_engine.connect()
            driver: Any = connection.connection.driver_connection
            silence = loop.call_later(seconds, _end, driver, ended)
            try:
                try:
                    return work(connection)
                finally:
                    if ended.is_set():
                        connection.invalidate()
                    connection.close()
            finally:
                silence.cancel()

        try:
            # As a whole: SQLAlchemy's async layer enters a greenlet for each step.
            return await greenlet_spawn(run)
        except Exception as error:
            if ended.is_set():
                raise ConnectionAbortedError(
                    f"the database said nothing for {seconds} s"
                ) from error
            raise

    def _look(self, connection: Connection) -> None:
        if connection.execute(_READ_ONLY).scalar() == "on":
            # Connections to a primary that is none any more would stay so for ever.
            connection.invalidate()
            raise ReadOnlySQLTransactionError("the database takes no writes now")

    async def close(self) -> None:
        """Finish what runs and close every connection."""
        await self._engine.dispose()

    def _on_connect(self, connection: Any, _: Any) -> None:
        # The server keeps a statement's plan. One that was made while a table was empty reads it
        # whole, and goes on doing so as it grows until somebody analyses it.
        limits = {
            "enable_seqscan": "off",
            # To PostgreSQL 17 a scan that is off costs so much that the plan is compiled: 25 MB of
            # each session's memory, and longer than any of these statements takes.
            "jit": "off",
            "lock_timeout": _milliseconds(self.limits.lock_seconds),
            "statement_timeout": _milliseconds(self.limits.statement_seconds),
            "idle_in_transaction_session_timeout": _milliseconds(_IDLE_SECONDS),
        }
        cursor = connection.cursor()
        calls = ", ".join(f"set_config('{name}', '{v}', false)" for name, v in limits.items())
        cursor.execute(f"SELECT {calls}")
        cursor.close()
        connection.commit()


def postgresql_engine(address: Address, limits: Limits, **pool: Any) -> AsyncEngine:
    """Return an engine that drops its connections when the server says that they are of no use."""
    order = list(address.servers)

    async def connect() -> Any:
        """Connect to the first server that lets it in, the last good one first."""
        servers = tuple(order)  # Who connects at the same time may put them in another order.
        for server in servers:
            try:
                connection = await asyncpg.connect(server, timeout=limits.connect_seconds)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                if server == servers[-1] or isinstance(error, ValueError):
                    raise
            except TargetServerAttributeNotMatched as error:
                if server == servers[-1]:
                    raise ConnectionRefusedError("no server of them takes writes") from error
            else:
                order.sort(key=lambda each: each != server)
                end_with_dead_peer(connection._transport.get_extra_info("socket"))  # noqa: SLF001
                return connection
        raise AssertionError("an address has a server")

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, **pool)
    event.listen(engine.sync_engine, "handle_error", _drop_useless)
    return engine


def _end(driver: Any, ended: asyncio.Event) -> None:
    ended.set()
    driver.terminate()


def _drop_useless(context: ExceptionContext) -> None:
    """Let the pool drop every connection when one shows that their server is not the one."""
    if trouble_of_driver(context.original_exception) in (Trouble.GONE, Trouble.FULL):
        context.is_disconnect = True


def _set(connection: Connection, name: str, seconds: float) -> None:
    connection.exec_driver_sql(_SET.format(name, "true"), (_milliseconds(seconds),))


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))
