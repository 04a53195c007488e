"""Which revision a service's schema has: a table of its own, so that services may share a database.

Releases before had one table for whichever service came first, and theirs read it when they start.
So what they left is taken over, and a database that is made anew gets that table, too. It is never
moved on: to a release before a revision that it knows last is the newest.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

BEFORE = "alembic_version"
"""The table of releases before."""
_CREATED = re.compile(r"""(?:CREATE TABLE |create_table\(\s*["'])(?:IF NOT EXISTS )?(\w+)""")


def version_table(versions: Path) -> str:
    """Return the name of the table for the service whose package has this folder of revisions."""
    return f"{BEFORE}_{re.sub(r'[^a-z0-9_]', '_', versions.parents[1].name.lower())}"


def created_tables(versions: Path) -> frozenset[str]:
    """Return the names of all tables that these revisions create."""
    texts = (file.read_text("utf-8") for file in versions.glob("*.py"))
    return frozenset(name for source in texts for name in _CREATED.findall(source))


def current_revision(connection: Connection, versions: Path) -> str | None:
    """Return the revision of this service's schema, None where it has none."""
    own = _revision(connection, version_table(versions))
    if own is not None or not _is_there(connection, BEFORE):
        return own
    ours = any(_is_there(connection, table) for table in created_tables(versions))
    return _revision(connection, BEFORE) if ours else None


def take_over(connection: Connection, versions: Path, revision: str | None) -> None:
    """Keep in the service's own table what a release before kept in the one for all."""
    table = version_table(versions)
    if revision is not None and not _is_there(connection, table):
        _make(connection, table, revision)


def keep_for_release_before(connection: Connection, versions: Path) -> None:
    """Let a release before, after a rollback, find a schema that it need not make."""
    revision = _revision(connection, version_table(versions))
    if revision is not None and not _is_there(connection, BEFORE):
        _make(connection, BEFORE, revision)


def scripts(versions: Path) -> ScriptDirectory:
    """Return the revisions of a folder; they are read once, since each is a program."""
    return _read(versions, tuple(sorted(file.name for file in versions.glob("*.py"))))


def revisions(versions: Path) -> Iterator[ModuleType]:
    """Return the modules of a folder's revisions, the newest first."""
    for script in scripts(versions).walk_revisions():
        yield script.module


@cache
def _read(versions: Path, names: tuple[str, ...]) -> ScriptDirectory:  # noqa: ARG001
    return ScriptDirectory.from_config(migration_config(versions))


def migration_config(versions: Path) -> Config:
    """Return what alembic is told of a folder of revisions."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migration_env"))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(versions))
    config.attributes["version_table"] = version_table(versions)
    return config


def _make(connection: Connection, table: str, revision: str) -> None:
    # As alembic makes it.
    connection.exec_driver_sql(
        f"CREATE TABLE {table} (version_num VARCHAR(32) NOT NULL, "
        f"CONSTRAINT {table}_pkc PRIMARY KEY (version_num))"
    )
    connection.execute(text(f"INSERT INTO {table} VALUES (:revision)"), {"revision": revision})  # noqa: S608


def _revision(connection: Connection, table: str) -> str | None:
    return MigrationContext.configure(
        connection, opts={"version_table": table}
    ).get_current_revision()


def _is_there(connection: Connection, table: str) -> bool:
    return inspect(connection).has_table(table)
