"""Schema migrations (alembic), one transaction under a lock, the same on both databases.

SQLite migrates itself when its service starts; on PostgreSQL a service never changes the schema,
`python -m <service> migrate` does (a hook Job in the charts).
"""

import asyncio
import zlib
from functools import partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from kurs.database import Database, sqlite_engine


class SchemaOutdated(RuntimeError):
    """The database has an older schema than this program needs."""


def migrate(url: str, versions: Path) -> None:
    """Bring the database at `url` to the newest of `versions` (a folder of alembic revisions)."""
    if make_url(url).get_backend_name() == "sqlite":
        Path(make_url(url).database or "").parent.mkdir(parents=True, exist_ok=True)
        engine = sqlite_engine(url, begin="BEGIN EXCLUSIVE")
        with engine.begin() as connection:
            _upgrade(connection, versions)
        engine.dispose()
    else:
        asyncio.run(_migrate_postgresql(url, versions))


async def ensure_schema(database: Database, url: str, versions: Path) -> None:
    """Migrate a SQLite database; on PostgreSQL raise SchemaOutdated unless it was migrated.

    A schema newer than this program is accepted: migrations stay compatible for one version, so
    that the pods of a rolling update keep working.
    """
    if database.dialect == "sqlite":
        await asyncio.to_thread(migrate, url, versions)
        return
    current = await database.read(_current_revision)
    scripts = ScriptDirectory.from_config(_config(versions))
    known = {script.revision for script in scripts.walk_revisions()}
    head = scripts.get_current_head()
    if current is None or (current in known and current != head):
        raise SchemaOutdated(
            f"the schema is at {current or 'nothing'} and must be at {head}: "
            "run `python -m <service> migrate` first"
        )


async def _migrate_postgresql(url: str, versions: Path) -> None:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            lock = zlib.crc32(b"kurs-migrations")
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock})
            await connection.run_sync(partial(_upgrade, versions=versions))
    finally:
        await engine.dispose()


def _current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection, versions: Path) -> None:
    config = _config(versions)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config(versions: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migration_env"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(versions))
    return config
