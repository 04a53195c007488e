"""A migration keeps what the release before it uses, and runs once however many begin it."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, text

import payments.migrations
import risk.migrations
import wallet.migrations
import webhooks.migrations
from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs.data.versions import version_table

VERSIONS = {
    "payments": payments.migrations.VERSIONS,
    "risk": risk.migrations.VERSIONS,
    "wallet": wallet.migrations.VERSIONS,
    "webhooks": webhooks.migrations.VERSIONS,
}
_HELP = "CONTRIBUTING.md, Migrations, says how to change a schema in two releases"
RETIRED: frozenset[str] = frozenset()
"""Columns, such as `thing.note`, that the release before had already stopped to use."""

Tables = dict[str, dict[str, Any]]


def ordered(versions: Path) -> list[Path]:
    """Return the revisions of a folder, the oldest first."""
    files = sorted(versions.glob("[0-9]*.py"))
    assert files
    return files


STEPS = [
    pytest.param(folder, later, id=f"{service}-{later.stem}")
    for service, folder in VERSIONS.items()
    for later in ordered(folder)[1:]
]


async def shape(url: str) -> Tables:
    """Return the columns of every table."""

    def read(connection: Connection) -> Tables:
        found = inspect(connection)
        return {
            table: {column["name"]: column for column in found.get_columns(table)}
            for table in found.get_table_names()
        }

    database = Database.open(url)
    tables = await database.read(read)
    await database.close()
    return tables


def broken(before: Tables, after: Tables) -> list[str]:
    """Return what a program written for `before` can no more do with `after`."""
    found = []
    for table, columns in before.items():
        now = after.get(table, {})
        for name, column in columns.items():
            if f"{table}.{name}" in RETIRED:
                continue
            if name not in now:
                found.append(f"{table}.{name} is gone")
            elif str(now[name]["type"]) != str(column["type"]):
                found.append(f"{table}.{name} has another type")
            elif column["nullable"] and not now[name]["nullable"]:
                found.append(f"{table}.{name} may no more be empty")
        found += [
            f"{table}.{name} is new and must be given"
            for name, column in now.items()
            if name not in columns and not column["nullable"] and column["default"] is None
        ]
    return found


@pytest.mark.parametrize("versions", VERSIONS.values(), ids=VERSIONS)
def test_revisions_are_numbered_one_after_the_other(versions: Path) -> None:
    """Two that were made at the same time each work alone, and together none does."""
    numbers = [file.stem.split("_")[0] for file in ordered(versions)]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


@pytest.mark.parametrize(("versions", "later"), STEPS)
async def test_the_release_before_works_on(
    database_url: str, versions: Path, later: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "versions"
    folder.mkdir()
    revisions = ordered(versions)
    for file in revisions[: revisions.index(later)]:
        shutil.copy(file, folder)
    await asyncio.to_thread(migrate, database_url, folder)
    before = await shape(database_url)

    shutil.copy(later, folder)
    await asyncio.to_thread(migrate, database_url, folder)

    assert broken(before, await shape(database_url)) == [], _HELP


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("ALTER TABLE thing DROP COLUMN note", "thing.note is gone"),
        ("ALTER TABLE thing RENAME COLUMN note TO remark", "thing.note is gone"),
        ("DROP TABLE thing", "thing.note is gone"),
        (
            "ALTER TABLE thing ADD COLUMN kind VARCHAR NOT NULL",
            "thing.kind is new and must be given",
        ),
        ("ALTER TABLE thing ALTER COLUMN note SET NOT NULL", "thing.note may no more be empty"),
        ("ALTER TABLE thing ALTER COLUMN note TYPE INTEGER USING 1", "thing.note has another type"),
        ("ALTER TABLE thing ADD COLUMN kind VARCHAR NOT NULL DEFAULT 'x'", None),
        ("ALTER TABLE thing ADD COLUMN kind VARCHAR", None),
    ],
)
@pytest.mark.postgres
async def test_what_would_stop_the_release_before_is_seen(
    postgres_url: str, statement: str, complaint: str | None
) -> None:
    database = Database.open(postgres_url)
    await database.write(lambda c: c.execute(text("CREATE TABLE thing (note VARCHAR)")))
    before = await shape(postgres_url)
    await database.write(lambda c: c.execute(text(statement)))
    await database.close()

    found = broken(before, await shape(postgres_url))

    assert (complaint in found) if complaint else (found == [])


@pytest.mark.parametrize("versions", VERSIONS.values(), ids=VERSIONS)
async def test_many_that_begin_at_once_migrate_once(database_url: str, versions: Path) -> None:
    head, *_ = ordered(versions)[-1].stem.split("_")

    await asyncio.gather(*(asyncio.to_thread(migrate, database_url, versions) for _ in range(6)))

    database = Database.open(database_url)
    query = text(f"SELECT version_num FROM {version_table(versions)}")
    revisions = await database.read(lambda c: c.execute(query).scalars().all())
    await database.close()
    assert revisions == [head]
