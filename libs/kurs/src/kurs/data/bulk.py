"""Statements over many rows at once, for the batches of a store.

A batch must cost a constant number of round trips. PostgreSQL takes one array per column
(`unnest`), which keeps one prepared statement whatever the size; SQLite takes `executemany`. Both
go past SQLAlchemy's compiler to the driver: measured at 500 rows, its INSERT … VALUES costs
0.29 ms of CPU a row over asyncpg, `unnest` 0.006 ms.
"""

import json
import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    CursorResult,
    RowMapping,
    String,
    Table,
    any_,
    func,
    literal,
    select,
)
from sqlalchemy.dialects import postgresql

Row = Sequence[Any]


class Write(NamedTuple):
    """One write of a batch: its text, and the rows that it takes.

    On PostgreSQL the rows go as one array per column, and `values` after them; `before` are named
    queries (WITH) that the text reads, which may themselves change rows.
    """

    sql: str
    rows: Sequence[Row]
    values: tuple[Any, ...] = ()
    before: tuple[tuple[str, str], ...] = ()


def write_all(connection: Connection, writes: Sequence[Write]) -> list[int]:
    """Make writes to different rows, and return how many rows each has written.

    On PostgreSQL they are one statement, and so one round trip: they are made in their order, but
    none sees what another one writes.
    """
    made = [w for w in writes if w.rows]
    if len(made) > 1 and connection.dialect.name != "sqlite":
        sql = _together(tuple((w.sql, w.before, len(w.rows[0]) + len(w.values)) for w in made))
        arguments = tuple(value for w in made for value in _arguments(w))
        counted = iter(connection.exec_driver_sql(sql, arguments).one())
    else:
        counted = iter([_execute(connection, w) for w in made])
    return [next(counted) if w.rows else 0 for w in writes]


def inserting(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[Row],
    *,
    skip_existing: bool = False,
) -> Write:
    """Return the write that `insert_rows` makes."""
    tail = " ON CONFLICT DO NOTHING" if skip_existing else ""
    return Write(_insert_sql(connection.dialect.name, table, columns) + tail, rows)


def adding(
    connection: Connection,
    table: Table,
    keys: tuple[str, ...],
    added: tuple[str, ...],
    rows: Sequence[Row],
) -> Write:
    """Return the write that `upsert_rows` makes."""
    sums = ", ".join(f"{c} = {table.name}.{c} + excluded.{c}" for c in added)
    tail = f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {sums}"
    return Write(_insert_sql(connection.dialect.name, table, keys + added) + tail, rows)


def updating(
    connection: Connection,
    table: Table,
    keys: tuple[str, ...],
    changed: tuple[str, ...],
    rows: Sequence[Row],
    *,
    bump: str = "",
) -> Write:
    """Return the write that `update_rows` makes."""
    if connection.dialect.name == "sqlite":
        # executemany binds in the order of the text: SET comes before WHERE.
        cut = len(keys)
        rows = [(*row[cut:], *row[:cut]) for row in rows]
    return Write(_update_sql(connection.dialect.name, table, keys, changed, bump), rows)


def insert_rows(
    connection: Connection,
    table: Table,
    columns: tuple[str, ...],
    rows: Sequence[Row],
    *,
    skip_existing: bool = False,
) -> int:
    """Insert `rows` (values in the order of `columns`) and return how many were inserted.

    With `skip_existing`, rows that violate a unique constraint are left out, and the count says
    so. Raises sqlalchemy.exc.IntegrityError otherwise.
    """
    write = inserting(connection, table, columns, rows, skip_existing=skip_existing)
    return write_all(connection, [write])[0]


def upsert_rows(
    connection: Connection,
    table: Table,
    keys: tuple[str, ...],
    added: tuple[str, ...],
    rows: Sequence[Row],
) -> int:
    """Insert rows of `keys + added`, or add the `added` values to the row that has these keys.

    No two rows may have the same keys. Sort them, so that two writers lock in one order.
    """
    return write_all(connection, [adding(connection, table, keys, added, rows)])[0]


def update_rows(
    connection: Connection,
    table: Table,
    keys: tuple[str, ...],
    changed: tuple[str, ...],
    rows: Sequence[Row],
    *,
    bump: str = "",
) -> int:
    """Set the `changed` columns of the rows with these `keys`; each row is `keys + changed`.

    `bump` names a column that counts up by one, such as a version. Returns the rows changed.
    """
    return write_all(connection, [updating(connection, table, keys, changed, rows, bump=bump)])[0]


def is_any_of(
    connection: Connection, column: ColumnElement[str], keys: Collection[str]
) -> ColumnElement[bool]:
    """Return `column IN keys` as one bound value, so that one prepared statement serves all."""
    if connection.dialect.name == "sqlite":
        each = func.json_each(json.dumps(list(keys))).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(literal(list(keys), ARRAY(String)))


def rows_with(
    connection: Connection, table: Table, key: str, keys: Collection[str]
) -> Sequence[RowMapping]:
    """Return the rows whose text column `key` is one of `keys`, as the driver gives them."""
    sql = _rows_sql(connection.dialect.name, table, key)
    return _run(connection, sql, (keys,)).mappings().all()


def any_of(dialect: str, parameter: int = 1) -> str:
    """Return `= one of the keys` for the text behind a column; `fetch` takes the keys as one value.

    SQLite numbers its parameters by their order.
    """
    if dialect == "sqlite":
        return "IN (SELECT value FROM json_each(?))"
    return f"= ANY(${parameter}::text[])"


def fetch(connection: Connection, sql: str, *values: int | Collection[Any]) -> Sequence[Any]:
    """Run a read of the driver's own text and return its rows; a collection goes as one value."""
    return _run(connection, sql, values).all()


def _run(
    connection: Connection, sql: str, values: Sequence[int | Collection[Any]]
) -> CursorResult[Any]:
    lite = connection.dialect.name == "sqlite"
    bound = (v if isinstance(v, int) else json.dumps(list(v)) if lite else list(v) for v in values)
    return connection.exec_driver_sql(sql, tuple(bound))


def _execute(connection: Connection, write: Write) -> int:
    if connection.dialect.name == "sqlite":
        return connection.exec_driver_sql(write.sql, [tuple(row) for row in write.rows]).rowcount
    named = ", ".join(f"{name} AS ({query})" for name, query in write.before)
    sql = f"WITH {named} {write.sql}" if named else write.sql
    return connection.exec_driver_sql(sql, tuple(_arguments(write))).rowcount


def _arguments(write: Write) -> list[Any]:
    return [*(list(values) for values in zip(*write.rows, strict=True)), *write.values]


@lru_cache(maxsize=128)
def _together(writes: tuple[tuple[str, tuple[tuple[str, str], ...], int], ...]) -> str:
    """Return one statement of several; of each its text, what it reads, and its parameters."""
    named, first = [], 0
    for number, (sql, before, parameters) in enumerate(writes):
        queries = (*before, (f"write_{number}", f"{sql} RETURNING 1"))
        named += [f"{name} AS ({_numbered(query, first)})" for name, query in queries]
        first += parameters
    counts = ", ".join(
        f"(SELECT count(*) FROM write_{n})"  # noqa: S608
        for n in range(len(writes))
    )
    return f"WITH {', '.join(named)} SELECT {counts}"


def _numbered(sql: str, after: int) -> str:
    """Return a text whose parameters begin after that one."""
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + after}", sql)


@lru_cache(maxsize=128)
def _rows_sql(dialect: str, table: Table, key: str) -> str:
    names = ", ".join(table.c.keys())
    return f"SELECT {names} FROM {table.name} WHERE {key} {any_of(dialect)}"  # noqa: S608


@lru_cache(maxsize=128)
def _insert_sql(dialect: str, table: Table, columns: tuple[str, ...]) -> str:
    names = ", ".join(columns)
    if dialect == "sqlite":
        marks = ", ".join("?" for _ in columns)
        return f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM {_unnest(table, columns)}"  # noqa: S608


@lru_cache(maxsize=128)
def _update_sql(
    dialect: str, table: Table, keys: tuple[str, ...], changed: tuple[str, ...], bump: str
) -> str:
    name = table.name
    bumped = [f"{bump} = {name}.{bump} + 1"] if bump else []
    if dialect == "sqlite":
        sets = ", ".join([f"{c} = ?" for c in changed] + bumped)
        where = " AND ".join(f"{k} = ?" for k in keys)
        return f"UPDATE {name} SET {sets} WHERE {where}"  # noqa: S608
    sets = ", ".join([f"{c} = v.{c}" for c in changed] + bumped)
    where = " AND ".join(f"{name}.{k} = v.{k}" for k in keys)
    columns = keys + changed
    source = f"{_unnest(table, columns)} AS v({', '.join(columns)})"
    return f"UPDATE {name} SET {sets} FROM {source} WHERE {where}"  # noqa: S608


def _unnest(table: Table, columns: tuple[str, ...]) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    types = [table.c[c].type.compile(dialect) for c in columns]
    arrays = ", ".join(f"${i}::{type_}[]" for i, type_ in enumerate(types, 1))
    return f"unnest({arrays})"
