"""Schema migrations (alembic), one transaction under a lock, the same on both databases.

SQLite migrates itself when its service starts; on PostgreSQL a service never changes the schema,
`python -m <service> migrate` does (a Job in the charts). The server, the Job and the service may
start in any order: each waits for the one before it.
"""

import asyncio
import sys
import zlib
from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from kurs.data.database import Database, DatabaseUnavailable, is_retryable, sqlite_engine
from kurs.data.grants import Grants, grant
from kurs.kernel.clock import monotonic
from kurs.kernel.settings import CannotRun

WAIT_SECONDS = 90.0
"""How long a migration waits for its server, and a service for its migration."""
_PAUSE_SECONDS = 0.5
_HINT = "check the database URL, that its server runs, and that the network lets this process there"


class SchemaOutdated(CannotRun):
    """The database has an older schema than this program needs."""


class NoConnection(CannotRun):
    """The database cannot be reached, or lets this program not in."""


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
    server is not there for `wait_seconds`, or refuses, and RoleUnfit.
    """
    if make_url(url).get_backend_name() == "sqlite":
        Path(make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)
        engine = sqlite_engine(url, begin="BEGIN EXCLUSIVE")
        with engine.begin() as connection:
            _upgrade(connection, versions)
        engine.dispose()
    else:
        work = partial(_upgrade, versions=versions, grants=grants or {}, role=role)
        asyncio.run(_migrate_postgresql(url, work, wait_seconds))


async def ensure_schema(
    database: Database, url: str, versions: Path, *, wait_seconds: float = WAIT_SECONDS
) -> None:
    """Migrate a SQLite database; on PostgreSQL wait until it was migrated, else SchemaOutdated.

    A schema newer than this program is accepted: migrations stay compatible for one version, so
    that the pods of a rolling update keep working.
    """
    if database.dialect == "sqlite":
        await asyncio.to_thread(migrate, url, versions)
        return
    deadline = monotonic() + wait_seconds
    while (obstacle := await _obstacle(database, versions)) is not None:
        if monotonic() > deadline:
            raise SchemaOutdated(obstacle)
        await asyncio.sleep(_PAUSE_SECONDS)


async def require_schema(database: Database, versions: Path) -> None:
    """Raise SchemaOutdated unless the database has a schema that this program can read."""
    obstacle = await _obstacle(database, versions)
    if obstacle is not None:
        raise SchemaOutdated(obstacle)


async def _obstacle(database: Database, versions: Path) -> str | None:
    """Return why the schema cannot be used, or None."""
    try:
        current = await database.read(_current_revision)
    except DatabaseUnavailable as error:
        return error.detail
    scripts = ScriptDirectory.from_config(_config(versions))
    head = scripts.get_current_head()
    if current is None or (current != head and current in _known(scripts)):
        return (
            f"the schema is at {current or 'nothing'} and must be at {head}: "
            "run `python -m <service> migrate` first"
        )
    return None


async def _migrate_postgresql(
    url: str, work: Callable[[Connection], None], wait_seconds: float
) -> None:
    engine = create_async_engine(url)
    try:
        connection = await _connect(engine, wait_seconds)
        async with aclosing(connection), connection.begin():
            lock = zlib.crc32(b"kurs-migrations")
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
            await connection.run_sync(work)
    finally:
        await engine.dispose()


async def _connect(engine: AsyncEngine, wait_seconds: float) -> AsyncConnection:
    deadline = monotonic() + wait_seconds
    known = ""
    while True:
        try:
            return await engine.connect()
        except (DBAPIError, OSError) as error:
            why = str(error.orig if isinstance(error, DBAPIError) else error)
            if not is_retryable(error) or monotonic() > deadline:
                raise NoConnection(
                    f"no connection to {_place(engine.url)}: {why}; {_HINT}"
                ) from error
            if why != known:
                sys.stderr.write(f"waiting for {_place(engine.url)}: {why}\n")
            known = why
            await asyncio.sleep(_PAUSE_SECONDS)


def _place(url: URL) -> str:
    """Return which database it is, without who asks for it."""
    host = url.host or url.query.get("host") or "localhost"
    return f"the database {url.database} at {host}" + (f":{url.port}" if url.port else "")


def _current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(
    connection: Connection, versions: Path, grants: Grants | None = None, role: str = ""
) -> None:
    config = _config(versions)
    current = _current_revision(connection)
    if current is not None and current not in _known(ScriptDirectory.from_config(config)):
        sys.stderr.write(f"the schema is at {current}, newer than this program: left as it is\n")
        return
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if role:
        grant(connection, role, grants or {})


def _known(scripts: ScriptDirectory) -> frozenset[str]:
    return frozenset(script.revision for script in scripts.walk_revisions())


def _config(versions: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migration_env"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(versions))
    return config
