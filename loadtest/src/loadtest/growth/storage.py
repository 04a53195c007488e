"""What a stored payment weighs: bytes of every table and index that grew, for each payment."""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

from rich.table import Table
from sqlalchemy import Connection, text

from kurs.data.address import read_address
from kurs.data.database import Database

Sizes = Mapping[str, int]
"""Bytes by table, or index, of all services."""

_SIZES = {
    "postgresql": text("""
        SELECT relname, pg_relation_size(oid) + coalesce(
            pg_relation_size(nullif(reltoastrelid, 0)), 0) AS bytes
        FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = current_schema()::regnamespace
    """),
    "sqlite": text("SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE"),
}


async def sizes(urls: Mapping[str, str]) -> Sizes:
    """Return what each relation of the services' databases takes.

    Of a SQLite that cannot tell (it is built so) only what each file takes.
    """
    found: dict[str, int] = {}
    for service, url in urls.items():
        address = read_address(url)
        if address.backend == "sqlite" and not _tells_sizes():
            found[f"{service}: the file"] = _file_size(address.path)
            continue
        database = Database.open(url)
        rows = await database.read(_read)
        await database.close()
        found |= {f"{service}: {name}": size for name, size in rows}
    return found


def _tells_sizes() -> bool:
    with closing(sqlite3.connect(":memory:")) as connection:
        options = connection.execute("PRAGMA compile_options").fetchall()
    return ("ENABLE_DBSTAT_VTAB",) in options


def _file_size(path: str) -> int:
    return Path(path).stat().st_size


def _read(connection: Connection) -> Iterable[tuple[str, int]]:
    rows = connection.execute(_SIZES[connection.dialect.name])
    return [(str(name), int(size)) for name, size in rows]


def storage_table(before: Sizes, after: Sizes, payments: int) -> Table:
    """Show what grew between two sizes, the most first, in bytes for each of the payments."""
    grown = {name: (size - before.get(name, 0)) / payments for name, size in after.items()}
    table = Table("stored", "bytes a payment", title="storage")
    for name, each in sorted(grown.items(), key=lambda item: -item[1]):
        if each >= 1:
            table.add_row(name, f"{each:,.0f}")
    table.add_row("in all", f"{sum(grown.values()):,.0f}")
    return table
