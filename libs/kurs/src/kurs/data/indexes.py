"""Indexes of tables that may be large already: on PostgreSQL they are built while writes go on.

A revision names them in a function `indexes(dialect)`. CREATE INDEX CONCURRENTLY takes no part in a
transaction, so they come after the one of the schema, and are looked for at each migration: what an
interrupted build left is dropped and built anew. Until they are there, what they are for is slow.
On SQLite, which has one writer, and where the tables are made, they are built within the migration.
An index that nothing is for any more is named by `retired_indexes()`, and goes when all others are
there.
"""

import sys
import zlib
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from kurs.data.versions import revisions

_ALONE = text("SELECT pg_try_advisory_lock(:lock)")
# It waits for transactions that were there before it, and nobody waits behind it.
_PATIENT = (
    "SELECT set_config('lock_timeout', '0', false), set_config('statement_timeout', '0', false)"
)
_VALIDITY = text("""
    SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE pg_table_is_visible(c.oid)
""")


def declared(versions: Path, dialect: str) -> dict[str, str]:
    """Return what revisions name: `table (columns) WHERE ...` by the name of the index."""
    found: dict[str, str] = {}
    for module in revisions(versions):
        found |= getattr(module, "indexes", lambda _: {})(dialect)
    gone = retired(versions)
    return {name: definition for name, definition in found.items() if name not in gone}


def retired(versions: Path) -> set[str]:
    """Return the names of the indexes that revisions retire."""
    return {
        name
        for module in revisions(versions)
        for name in getattr(module, "retired_indexes", tuple)()
    }


def build_within(connection: Connection, versions: Path) -> None:
    """Build what is missing in the transaction of the migration, in which nobody writes."""
    for name, definition in declared(versions, connection.dialect.name).items():
        connection.exec_driver_sql(f"CREATE INDEX IF NOT EXISTS {name} ON {definition}")
    for name in sorted(retired(versions)):
        connection.exec_driver_sql(f"DROP INDEX IF EXISTS {name}")


async def build_beside(engine: AsyncEngine, versions: Path) -> None:
    """Build what is missing on PostgreSQL while its tables are read and written.

    One process does; to others it is as if the indexes were there.
    """
    wanted, gone = declared(versions, "postgresql"), retired(versions)
    free = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with free.connect() as connection:
        # To wait for the lock would be a transaction that the build waits for.
        lock = zlib.crc32(b"kurs-indexes")
        if (await connection.execute(_ALONE, {"lock": lock})).scalar():
            await connection.run_sync(_build, wanted, gone)


def _build(connection: Connection, wanted: dict[str, str], gone: set[str]) -> None:
    validity = {str(row.relname): bool(row.indisvalid) for row in connection.execute(_VALIDITY)}
    missing = {name: found for name, found in wanted.items() if not validity.get(name)}
    unneeded = sorted(gone & validity.keys())
    if missing or unneeded:
        connection.exec_driver_sql(_PATIENT)
    for name, definition in missing.items():
        if name in validity:
            connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        sys.stderr.write(f"building the index {name} on {definition}; writes go on\n")
        connection.exec_driver_sql(
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {definition}"
        )
    for name in unneeded:
        sys.stderr.write(f"dropping the index {name}, which nothing is for any more\n")
        connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
