"""SQLite's history stays even under INSERT OR REPLACE, by whatever value of a row is unique.

PostgreSQL has no such statement; tests/wallet/test_append_only.py changes and removes on both.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import payments.migrations
import risk.migrations
import wallet.migrations
from kurs.data.migrations import migrate

HISTORY = {
    "transfers": wallet.migrations.VERSIONS,
    "postings": wallet.migrations.VERSIONS,
    "archives": wallet.migrations.VERSIONS,
    "archived_late": wallet.migrations.VERSIONS,
    "payment_events": payments.migrations.VERSIONS,
    "decisions": risk.migrations.VERSIONS,
}
ALLOWED = {"status": "applied", "outcome": "approve"}
"""Columns of text that take only certain words."""


@pytest.fixture(params=sorted(HISTORY))
def table(request: pytest.FixtureRequest) -> str:
    """A table whose rows are history."""
    return str(request.param)


@pytest.fixture
def connection(table: str, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A new database with one row in `table`."""
    path = tmp_path / "history.db"
    migrate(f"sqlite:///{path}", HISTORY[table])
    with closing(sqlite3.connect(path)) as opened:
        insert(opened, "INSERT", table, row_of(opened, table, 1))
        yield opened


def row_of(connection: sqlite3.Connection, table: str, number: int) -> dict[str, object]:
    """Return a row in which every value is its own."""
    columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return {
        name: ALLOWED.get(name, f"{name} {number}") if kind == "TEXT" or "CHAR" in kind else number
        for _, name, kind, *_ in columns
    }


def unique_columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the columns by which a new row can replace an old one."""
    key = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[5]]
    indexes = connection.execute(f"PRAGMA index_list({table})").fetchall()
    for name in (row[1] for row in indexes if row[2]):
        key += [row[2] for row in connection.execute(f"PRAGMA index_info({name})")]
    return sorted(set(key))


def insert(connection: sqlite3.Connection, verb: str, table: str, row: dict[str, object]) -> None:
    marks = ", ".join("?" * len(row))
    connection.execute(
        f"{verb} INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values())
    )


def test_a_row_cannot_be_replaced_by_any_of_its_unique_values(
    connection: sqlite3.Connection, table: str
) -> None:
    stored = connection.execute(f"SELECT * FROM {table}").fetchall()
    columns = unique_columns(connection, table)

    assert columns
    for column in columns:
        other = row_of(connection, table, 2)
        other[column] = row_of(connection, table, 1)[column]
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
            insert(connection, "INSERT OR REPLACE", table, other)
    assert connection.execute(f"SELECT * FROM {table}").fetchall() == stored


def test_a_new_row_is_still_taken(connection: sqlite3.Connection, table: str) -> None:
    insert(connection, "INSERT OR REPLACE", table, row_of(connection, table, 2))

    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (2,)
