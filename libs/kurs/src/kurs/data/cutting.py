"""Cuts a table into partitions while it is read and written: the last step of a migration.

The table of before becomes the first partition: a CHECK on its range is validated beside writes,
and one transaction, which waits for its lock no longer than requests can behind it, puts the
partitioned table in its place. Statements of the release before name that and work on.
"""

import re
import zlib
from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from kurs.data import partitions
from kurs.data.carried import indexes_moved, owner_of, rights_moved, stays, triggers_of
from kurs.data.partitions import declared, extend, make_extension
from kurs.kernel.settings import CannotRun

_LIMIT_LOCKS = "SELECT set_config('lock_timeout', '500', false)"
_ALONE = text("SELECT pg_try_advisory_lock(:lock)")
_KIND = text("SELECT relkind::text FROM pg_class WHERE oid = to_regclass(:table)")
_RANGE = text("""
    SELECT pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = to_regclass(:table) AND conname = :name AND convalidated
""")


class Uncuttable(CannotRun):
    """A table has what a partitioned one cannot have; nothing was changed."""


def refuse_uncuttable(connection: Connection, versions: Path) -> None:
    """Raise Uncuttable where a table has what would be lost, by name: nothing of ours does."""
    for table, column in declared(versions).items():
        found = stays(connection, table, column, _range_of(table))
        if found:
            raise Uncuttable(
                f"{table} is to be cut into partitions, which cannot have {', '.join(found)}: "
                "drop that, run it again, and make on the partitioned table what it can have"
            )


async def cut_beside(engine: AsyncEngine, versions: Path, role: str) -> None:
    """Cut the tables that are not cut yet, while they are read and written.

    The service's `role`, if there is one, may make partitions ahead. What a lock stopped is begun
    again where it was left. One process does; to others it is as if it were done.
    """
    free = engine.execution_options(isolation_level="AUTOCOMMIT")
    async with free.connect() as connection:
        await connection.exec_driver_sql(_LIMIT_LOCKS)
        lock = zlib.crc32(b"kurs-partitions")
        if not (await connection.execute(_ALONE, {"lock": lock})).scalar():
            return
        for table, column in declared(versions).items():
            if (await connection.execute(_KIND, {"table": table})).scalar() == "r":
                bound = await connection.run_sync(_bound_by, table, column)
                async with engine.begin() as alone:
                    await alone.exec_driver_sql(_LIMIT_LOCKS)
                    await alone.run_sync(_replace, table, column, bound)
            async with engine.begin() as alone:
                await alone.run_sync(make_extension, table, column)
            await connection.run_sync(extend, table)
            if role:
                name = engine.dialect.identifier_preparer.quote(role)
                await connection.exec_driver_sql(
                    f"GRANT EXECUTE ON FUNCTION extend_{table}() TO {name}"
                )


def _bound_by(connection: Connection, table: str, column: str) -> int:
    """Hold the rows that are there, and those to come, below a bound; return it."""
    name = _range_of(table)
    last = _scalar(connection, f"SELECT coalesce(max({column}), 0) FROM {table}")  # noqa: S608
    kept = connection.execute(_RANGE, {"table": table, "name": name}).scalar()
    bound = int(re.findall(r"\d+", str(kept))[-1]) if kept else 0
    if bound - last > partitions.ROWS // 2:
        return bound
    bound = (last // partitions.ROWS + 2) * partitions.ROWS
    for statement in (
        f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}",
        f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({column} < {bound}) NOT VALID",
        f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}",
    ):
        connection.exec_driver_sql(statement)
    return bound


def _replace(connection: Connection, table: str, column: str, bound: int) -> None:
    """Put a partitioned table in the place of one, which becomes its first partition."""
    connection.exec_driver_sql(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    first, sequence = f"{table}_to_{bound}", f"{table}_{column}_seq"
    like = f"LIKE {first} INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING CONSTRAINTS"
    freed, made = indexes_moved(connection, table, first)
    triggers, owner = triggers_of(connection, table), owner_of(connection, table)
    rights = rights_moved(connection, table, first, sequence)
    reached = _scalar(connection, f"SELECT last_value + 1 FROM {sequence}")  # noqa: S608
    for statement in (
        f"ALTER TABLE {table} RENAME TO {first}",
        *freed,
        f"ALTER TABLE {first} ALTER COLUMN {column} DROP IDENTITY",
        f"CREATE TABLE {table} ({like}) PARTITION BY RANGE ({column})",
        f"ALTER TABLE {table} DROP CONSTRAINT {_range_of(table)}",
        f"CREATE SEQUENCE {sequence} START {reached} OWNED BY {table}.{column}",
        f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT nextval('{sequence}')",
        f"ALTER TABLE {table} OWNER TO {owner}",
        *made,
        f"ALTER TABLE {table} ATTACH PARTITION {first} FOR VALUES FROM (MINVALUE) TO ({bound})",
        f"ALTER TABLE {first} DROP CONSTRAINT {_range_of(table)}",
        *triggers,
        *rights,
    ):
        connection.exec_driver_sql(statement)


def _range_of(table: str) -> str:
    return f"{table}_range"


def _scalar(connection: Connection, sql: str) -> int:
    return int(connection.exec_driver_sql(sql).scalar_one())
