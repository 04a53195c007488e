"""Schema migrations (alembic), one transaction under a lock, the same on both databases.

SQLite migrates itself when its service starts; on PostgreSQL a service never changes the schema,
`python -m <service> migrate` does (a Job in the charts). The server, the Job and the service may
start in any order: each waits for the one before it. A migration waits for a lock only so long as
requests behind it can, and begins again. Indexes of large tables come after it (kurs.data.indexes),
and so does cutting them (kurs.data.cutting).
"""

import asyncio
import socket
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from kurs.data.address import read_address
from kurs.data.cutting import cut_beside, refuse_uncuttable
from kurs.data.database import Database
from kurs.data.failures import DatabaseUnavailable, Trouble, trouble_of
from kurs.data.grants import Grants, grant
from kurs.data.indexes import build_beside, build_within
from kurs.data.limits import Limits
from kurs.data.postgresql import postgresql_engine
from kurs.data.sqlite import make_folder, sqlite_engine
from kurs.data.versions import (
    current_revision,
    keep_for_release_before,
    migration_config,
    scripts,
    take_over,
)
from kurs.kernel.clock import monotonic
from kurs.kernel.settings import CannotRun

WAIT_SECONDS = 90.0
"""How long a migration waits for its server and its locks, and a service for its migration."""
_LOCK_SECONDS = 0.5
"""How long requests wait behind a migration that waits for a lock."""
_PAUSE_SECONDS = 0.5
_HINT = (
    "check the database URL, that its server runs, and that the network lets this process there "
    "and to its DNS (in a cluster: global.network.databases and global.network.dns)"
)
_LOCKED = "end the transaction that keeps its tables (pg_stat_activity names it), and run it again"
_LIMIT_LOCKS = text("SELECT set_config('lock_timeout', :limit, true)")
_ALONE = text("SELECT pg_advisory_xact_lock(:lock)")


class SchemaOutdated(CannotRun):
    """The database has an older schema than this program needs."""


class NoConnection(CannotRun):
    """The database cannot be reached, or lets this program not in."""


class SchemaLocked(CannotRun):
    """Somebody keeps the tables, so that the schema could not be changed; nothing was."""


def migrate(
    url: str,
    versions: Path,
    *,
    grants: Grants | None = None,
    role: str = "",
    wait_seconds: float = WAIT_SECONDS,
) -> None:
    """Bring the database at `url` to the newest of `versions` (a folder of alembic revisions).

    A schema that is newer than `versions` stays as it is: so it is when a release is rolled back.
    On PostgreSQL the service's `role`, if there is one, gets `grants`. Raises NoConnection when the
    server is not there for `wait_seconds`, or refuses, SchemaLocked, UrlUnfit, RoleUnfit
    and Uncuttable.
    """
    address = read_address(url)
    deadline = monotonic() + wait_seconds
    if address.backend == "sqlite":
        make_folder(address)
        engine = sqlite_engine(address, begin="BEGIN EXCLUSIVE", lock_seconds=_LOCK_SECONDS)

        def attempt() -> None:
            with engine.begin() as connection:
                _upgrade(connection, versions)

        try:
            _try_until(deadline, address.place, attempt)
        finally:
            engine.dispose()
        return
    work = partial(_upgrade, versions=versions, grants=grants or {}, role=role)
    _try_until(
        deadline,
        address.place,
        lambda: asyncio.run(
            _migrate_postgresql(postgresql_engine(address, Limits()), work, versions, role)
        ),
    )


def _try_until(deadline: float, place: str, attempt: Callable[[], None]) -> None:
    """Attempt a migration until it is done; raises NoConnection and SchemaLocked."""
    known = ""
    while True:
        try:
            attempt()
        except Exception as error:
            trouble = trouble_of(error)
            if trouble is None and not _is_connecting(error):
                raise
            why = " ".join(str(getattr(error, "orig", None) or error).split())
            locked = trouble is Trouble.BLOCKED
            if monotonic() >= deadline or not _may_pass(error):
                if locked:
                    raise SchemaLocked(f"{place} could not be migrated: {why}; {_LOCKED}") from None
                raise NoConnection(f"no connection to {place}: {why}; {_HINT}") from error
            if why != known:
                hint = f"; {_HINT}" if _is_nameless(error) else ""
                sys.stderr.write(f"waiting for {place}: {why}{hint}\n")
            known = why
            # Longer than the wait itself: those who waited behind it come first.
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _is_connecting(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and error.statement is None


def _is_nameless(error: BaseException) -> bool:
    """Tell whether no address was found: nothing else of an installation tells of that."""
    return isinstance(getattr(error, "orig", error), socket.gaierror)


def _may_pass(error: BaseException) -> bool:
    """Tell whether the same may succeed later, without anybody changing what is wrong."""
    cause = getattr(error, "orig", error)
    state = getattr(cause, "sqlstate", None) or ""
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    never = state.startswith("28") or code == sqlite3.SQLITE_CANTOPEN
    return trouble_of(error) is not None and not never


async def ensure_schema(
    database: Database, url: str, versions: Path, *, wait_seconds: float = WAIT_SECONDS
) -> None:
    """Migrate a SQLite database; on PostgreSQL wait until it was migrated, else SchemaOutdated.

    A schema newer than this program is accepted: migrations stay compatible for one version, so
    that the pods of a rolling update keep working.
    """
    deadline = monotonic() + wait_seconds
    if database.dialect == "sqlite":
        await _migrate_file(url, versions, deadline)
        return
    while (obstacle := await _obstacle(database, versions)) is not None:
        if monotonic() > deadline:
            raise SchemaOutdated(obstacle)
        await asyncio.sleep(_PAUSE_SECONDS)


async def _migrate_file(url: str, versions: Path, deadline: float) -> None:
    """Migrate a SQLite database; who waits for it meanwhile holds up nothing else."""
    while True:
        try:
            return await asyncio.to_thread(partial(migrate, url, versions, wait_seconds=0.0))
        except (NoConnection, SchemaLocked) as error:
            cause = error.__cause__
            if monotonic() >= deadline or not (cause is None or _may_pass(cause)):
                raise
        await asyncio.sleep(_PAUSE_SECONDS)


async def require_schema(database: Database, versions: Path) -> None:
    """Raise SchemaOutdated unless the database has a schema that this program can read."""
    obstacle = await _obstacle(database, versions)
    if obstacle is not None:
        raise SchemaOutdated(obstacle)


async def _obstacle(database: Database, versions: Path) -> str | None:
    """Return why the schema cannot be used, or None."""
    try:
        current = await database.read(partial(current_revision, versions=versions))
    except DatabaseUnavailable as error:
        return error.detail
    head = scripts(versions).get_current_head()
    if current is None or (current != head and current in _known(versions)):
        return (
            f"the schema is at {current or 'nothing'} and must be at {head}: "
            "run `python -m <service> migrate` first"
        )
    return None


async def _migrate_postgresql(
    engine: AsyncEngine, work: Callable[[Connection], bool], versions: Path, role: str
) -> None:
    try:
        async with engine.begin() as connection:
            limit = f"{round(_LOCK_SECONDS * 1000)}"
            await connection.execute(_LIMIT_LOCKS, {"limit": limit})
            lock = zlib.crc32(b"kurs-migrations")
            await connection.execute(_ALONE, {"lock": lock})
            is_ours = await connection.run_sync(work)
        if is_ours:
            await build_beside(engine, versions)
            await cut_beside(engine, versions, role)
    finally:
        await engine.dispose()


def _upgrade(
    connection: Connection, versions: Path, grants: Grants | None = None, role: str = ""
) -> bool:
    """Return whether the schema is now the newest of `versions`, and not newer."""
    current = current_revision(connection, versions)
    if current is not None and current not in _known(versions):
        sys.stderr.write(f"the schema is at {current}, newer than this program: left as it is\n")
        return False
    if connection.dialect.name != "sqlite":
        refuse_uncuttable(connection, versions)
    take_over(connection, versions, current)
    if current != scripts(versions).get_current_head():
        config = migration_config(versions)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    if current is None or connection.dialect.name == "sqlite":
        build_within(connection, versions)
    keep_for_release_before(connection, versions)
    if role:
        grant(connection, role, grants or {}, versions)
    return True


def _known(versions: Path) -> frozenset[str]:
    return frozenset(script.revision for script in scripts(versions).walk_revisions())
