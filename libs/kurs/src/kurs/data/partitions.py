"""Tables that are cut by the number of their rows, on PostgreSQL: so that a whole part can go.

A revision names them in a function `partitions()`, with the number's column. The table of before
becomes the first partition while writes go on: a CHECK on its range is validated beside them, and
one transaction, which waits for its lock no longer than requests can behind it, puts the
partitioned table in its place. Statements of the release before name that and work on.

There is no DEFAULT partition, which would have to be read at each new one. Partitions are made
ahead by a function of the database, `extend_<table>()`, which the service's role may call: it may
make no table itself. On SQLite nothing is cut.
"""

import re
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from kurs.data.address import read_address
from kurs.data.limits import Limits
from kurs.data.postgresql import postgresql_engine
from kurs.data.versions import revisions

ROWS = 10_000_000
"""How many numbers a partition has; the first one has what was there, too."""
AHEAD = 2
"""How many partitions are made ahead of the one that is written."""

_LIMIT_LOCKS = "SELECT set_config('lock_timeout', '500', false)"
_ALONE = text("SELECT pg_try_advisory_lock(:lock)")
_KIND = text("SELECT relkind::text FROM pg_class WHERE oid = to_regclass(:table)")
_RANGE = text("""
    SELECT pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = to_regclass(:table) AND conname = :name AND convalidated
""")
_INDEXES = text("""
    SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition,
        pg_get_constraintdef(c.oid) AS key
    FROM pg_index i
    LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
    WHERE i.indrelid = to_regclass(:table) ORDER BY i.indisprimary DESC, name
""")
_TRIGGERS = text("""
    SELECT pg_get_triggerdef(oid) FROM pg_trigger
    WHERE tgrelid = to_regclass(:table) AND NOT tgisinternal
""")
_RIGHTS = text("""
    SELECT quote_ident(grantee::regrole::text), privilege_type
    FROM pg_class, aclexplode(relacl) WHERE oid = to_regclass(:table) AND grantee <> relowner
""")
_COLUMN = text("SELECT pg_get_partkeydef(to_regclass(:table))")
_REACHED = text("SELECT pg_sequence_last_value(to_regclass(:sequence))")
_PARTITIONS = text(r"""
    SELECT * FROM (
        SELECT i.inhrelid::regclass::text AS name, i.inhdetachpending AS leaving,
            substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''?(\d+)')::bigint AS bound
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass(:table)) AS parts
    ORDER BY bound
""")
_EXTEND = """
CREATE OR REPLACE FUNCTION extend_{table}() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = {schema}, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    reached bigint;
    bound bigint;
    made text;
BEGIN
    LOOP
        SELECT last_value INTO reached FROM {sequence};
        SELECT max(substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \\(''?(\\d+)')::bigint)
            INTO bound FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = '{table}'::regclass AND NOT i.inhdetachpending;
        IF bound - reached > {ahead} * {rows}::bigint THEN
            RETURN;
        END IF;
        IF made IS NULL THEN
            -- One process makes them; what it made is seen when it has.
            PERFORM pg_advisory_xact_lock(hashtextextended('extend_{table}', 0));
            made := '';
            CONTINUE;
        END IF;
        made := '{table}_to_' || bound + {rows};
        EXECUTE format('CREATE TABLE %I (LIKE {table} INCLUDING CONSTRAINTS)', made);
        EXECUTE format('ALTER TABLE {table} ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
            made, bound, bound + {rows});
        {triggers}
    END LOOP;
END $$
"""


class Partition(NamedTuple):
    """A part of a cut table: the numbers below `bound` that the parts before it have not.

    `leaving` tells that it was begun to be detached.
    """

    name: str
    bound: int
    leaving: bool


def declared(versions: Path) -> dict[str, str]:
    """Return what revisions name: the number's column by table."""
    found: dict[str, str] = {}
    for module in revisions(versions):
        found |= getattr(module, "partitions", dict)()
    return found


def room_of(connection: Connection, table: str) -> int | None:
    """Return how many partitions are behind the one that is written; None where none are."""
    parts = partitions_of(connection, table)
    if not parts:
        return None
    sequence = f"{table}_{_column(connection, table)}_seq"
    reached = connection.execute(_REACHED, {"sequence": sequence}).scalar() or 0
    return max(0, parts[-1].bound - int(reached) - 1) // ROWS


def extend(connection: Connection, table: str) -> None:
    """Make partitions ahead where too few are."""
    connection.exec_driver_sql(f"SELECT extend_{table}()")


def partitions_of(connection: Connection, table: str) -> list[Partition]:
    """Return the partitions of a table in their order; none where it is not cut."""
    found = connection.execute(_PARTITIONS, {"table": table})
    return [Partition(row.name, int(row.bound), bool(row.leaving)) for row in found]


async def detach(url: str, table: str, partition: Partition) -> None:
    """Take a partition out of its table, beside whatever reads and writes that.

    It waits for transactions that were there before it, and nobody waits behind it. What was broken
    off is brought to its end.
    """
    engine = postgresql_engine(read_address(url), Limits())
    how = "FINALIZE" if partition.leaving else "CONCURRENTLY"
    try:
        free = engine.execution_options(isolation_level="AUTOCOMMIT")
        async with free.connect() as connection:
            await connection.exec_driver_sql(
                f"ALTER TABLE {table} DETACH PARTITION {partition.name} {how}"
            )
    finally:
        await engine.dispose()


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
            await connection.run_sync(extend, table)
            if role:
                name = engine.dialect.identifier_preparer.quote(role)
                await connection.exec_driver_sql(
                    f"GRANT EXECUTE ON FUNCTION extend_{table}() TO {name}"
                )


def _bound_by(connection: Connection, table: str, column: str) -> int:
    """Hold the rows that are there, and those to come, below a bound; return it."""
    name = f"{table}_range"
    last = _scalar(connection, f"SELECT coalesce(max({column}), 0) FROM {table}")  # noqa: S608
    kept = connection.execute(_RANGE, {"table": table, "name": name}).scalar()
    bound = int(re.findall(r"\d+", str(kept))[-1]) if kept else 0
    if bound - last > ROWS // 2:
        return bound
    bound = (last // ROWS + 2) * ROWS
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
    asked = {"table": table}
    indexes = connection.execute(_INDEXES, asked).all()
    triggers = list(connection.execute(_TRIGGERS, asked).scalars())
    rights = connection.execute(_RIGHTS, asked).all()
    sequence = f"{table}_{column}_seq"
    reached = _scalar(connection, f"SELECT last_value + 1 FROM {sequence}")  # noqa: S608
    first = f"{table}_to_{bound}"
    for statement in (
        f"ALTER TABLE {table} RENAME TO {first}",
        *(_renamed(first, table, index) for index in indexes),
        f"ALTER TABLE {first} ALTER COLUMN {column} DROP IDENTITY",
        f"CREATE TABLE {table} (LIKE {first} INCLUDING CONSTRAINTS) PARTITION BY RANGE ({column})",
        f"ALTER TABLE {table} DROP CONSTRAINT {table}_range",
        f"CREATE SEQUENCE {sequence} START {reached} OWNED BY {table}.{column}",
        f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT nextval('{sequence}')",
        *(_again(table, index) for index in indexes),
        f"ALTER TABLE {table} ATTACH PARTITION {first} FOR VALUES FROM (MINVALUE) TO ({bound})",
        f"ALTER TABLE {first} DROP CONSTRAINT {table}_range",
        *triggers,
        *(f"GRANT {right} ON {table} TO {grantee}" for grantee, right in rights),
        *(f"GRANT USAGE ON SEQUENCE {sequence} TO {grantee}" for grantee, _ in rights),
        *(f"REVOKE ALL ON {first} FROM {grantee}" for grantee, _ in rights),
        _extension(connection, table, sequence, triggers),
        f"REVOKE ALL ON FUNCTION extend_{table}() FROM PUBLIC",
    ):
        connection.exec_driver_sql(statement)


def _renamed(first: str, table: str, index: Any) -> str:
    name = index.name.replace(table, first, 1)
    if index.key:
        return f"ALTER TABLE {first} RENAME CONSTRAINT {index.name} TO {name}"
    return f"ALTER INDEX {index.name} RENAME TO {name}"


def _again(table: str, index: Any) -> str:
    if index.key:
        return f"ALTER TABLE {table} ADD CONSTRAINT {index.name} {index.key}"
    return str(index.definition)


def _extension(connection: Connection, table: str, sequence: str, triggers: list[str]) -> str:
    """Return what makes the function; a partition refuses by itself what its table refuses."""
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    on = re.compile(rf" ON (\w+\.)?{table} ")
    # A text for format(), in quotes of plpgsql.
    copied = [on.sub(" ON %I ", t.replace("%", "%%").replace("'", "''")) for t in triggers]
    return _EXTEND.format(
        table=table, schema=schema, sequence=sequence, rows=ROWS, ahead=AHEAD,
        triggers=" ".join(f"EXECUTE format('{trigger}', made);" for trigger in copied),
    )  # fmt: skip


def _column(connection: Connection, table: str) -> str:
    key = str(connection.execute(_COLUMN, {"table": table}).scalar_one())
    return key.removeprefix("RANGE (").removesuffix(")")


def _scalar(connection: Connection, sql: str) -> int:
    return int(connection.exec_driver_sql(sql).scalar_one())
