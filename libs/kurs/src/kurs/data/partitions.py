"""Tables that are cut by the number of their rows, on PostgreSQL: so that a whole part can go.

A revision names them in a function `partitions()`, with the number's column, and `migrate` cuts
them (kurs.data.cutting).

There is no DEFAULT partition, which would have to be read at each new one. Partitions are made
ahead by a function of the database, `extend_<table>()`, which the service's role may call: it may
make no table itself. On SQLite nothing is cut.
"""

import re
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, text

from kurs.data.address import read_address
from kurs.data.carried import owner_of, triggers_of
from kurs.data.limits import Limits
from kurs.data.postgresql import postgresql_engine
from kurs.data.versions import revisions

ROWS = 10_000_000
"""How many numbers a partition has; the first one has what was there, too."""
AHEAD = 2
"""How many partitions are made ahead of the one that is written."""

_COLUMN = text("SELECT pg_get_partkeydef(to_regclass(:table))")
_REACHED = text("SELECT pg_sequence_last_value(to_regclass(:sequence))")
_PARTITIONS = text(r"""
    SELECT * FROM (
        SELECT i.inhrelid::regclass::text AS name, i.inhdetachpending AS leaving,
            substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''?(\d+)')::bigint AS bound
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass(:table) AND c.relispartition) AS parts
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
        EXECUTE format('CREATE TABLE %I (LIKE {table} INCLUDING GENERATED INCLUDING CONSTRAINTS)',
            made);
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


def make_extension(connection: Connection, table: str, column: str) -> None:
    """Make the function that makes partitions ahead, as the table's owner; its callers stay.

    A partition refuses by itself what its table refuses.
    """
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    on = re.compile(rf" ON (\S+\.)?{table} ")
    # A text for format(), in quotes of plpgsql.
    copied = [
        on.sub(" ON %I ", trigger.replace("%", "%%").replace("'", "''"))
        for trigger in triggers_of(connection, table)
    ]
    made = _EXTEND.format(
        table=table, schema=schema, sequence=f"{table}_{column}_seq", rows=ROWS, ahead=AHEAD,
        triggers=" ".join(f"EXECUTE format('{trigger}', made);" for trigger in copied),
    )  # fmt: skip
    for statement in (
        made,
        f"REVOKE ALL ON FUNCTION extend_{table}() FROM PUBLIC",
        f"ALTER FUNCTION extend_{table}() OWNER TO {owner_of(connection, table)}",
    ):
        connection.exec_driver_sql(statement)


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


def _column(connection: Connection, table: str) -> str:
    key = str(connection.execute(_COLUMN, {"table": table}).scalar_one())
    return key.removeprefix("RANGE (").removesuffix(")")
