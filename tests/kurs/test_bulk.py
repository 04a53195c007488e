"""kurs.data.bulk: set-based statements behave alike on both databases."""

import json
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    event,
    select,
)
from sqlalchemy.exc import IntegrityError

from kurs.data.bulk import (
    Write,
    adding,
    insert_rows,
    inserting,
    is_any_of,
    update_rows,
    updating,
    upsert_rows,
    write_all,
)
from kurs.data.database import Database

metadata = MetaData()
lots = Table(
    "lots",
    metadata,
    Column("id", String, primary_key=True),
    Column("n", BigInteger),
    Column("note", JSON),
    Column("raw", LargeBinary),
)
COLUMNS = ("id", "n", "note", "raw")
ROWS = [(f"a{i}", i, json.dumps({"i": i}), b"\x00\xff") for i in range(10)]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database.open(database_url)
    await database.write(metadata.create_all)
    await database.write(lambda c: insert_rows(c, lots, COLUMNS, ROWS))
    yield database
    await database.close()


async def read_n(database: Database) -> dict[str, int]:
    rows = await database.read(lambda c: c.execute(select(lots.c.id, lots.c.n)).all())
    return {row.id: row.n for row in rows}


async def test_insert_keeps_json_and_bytes(database: Database) -> None:
    row = await database.read(lambda c: c.execute(select(lots).where(lots.c.id == "a3")).one())
    assert (row.n, row.note, row.raw) == (3, {"i": 3}, b"\x00\xff")


async def test_insert_counts_only_what_is_new(database: Database) -> None:
    more = [*ROWS[:4], ("b0", 1, "{}", b"")]
    count = await database.write(lambda c: insert_rows(c, lots, COLUMNS, more, skip_existing=True))
    assert count == 1
    assert len(await read_n(database)) == 11


async def test_a_duplicate_rolls_the_transaction_back(database: Database) -> None:
    more = [("b0", 1, "{}", b""), ROWS[0]]
    with pytest.raises(IntegrityError):
        await database.write(lambda c: insert_rows(c, lots, COLUMNS, more))
    assert "b0" not in await read_n(database)


async def test_update_touches_only_its_keys(database: Database) -> None:
    count = await database.write(
        lambda c: update_rows(c, lots, ("id",), ("n",), [("a1", 100), ("a2", 200), ("zz", 1)])
    )
    values = await read_n(database)
    assert (count, values["a1"], values["a2"], values["a3"]) == (2, 100, 200, 3)


async def test_upsert_adds(database: Database) -> None:
    rows = [("a1", 5), ("new", 7)]
    await database.write(lambda c: upsert_rows(c, lots, ("id",), ("n",), rows))
    values = await read_n(database)
    assert (values["a1"], values["new"]) == (6, 7)


async def test_is_any_of_selects_the_named_rows(database: Database) -> None:
    found = await database.read(
        lambda c: (
            c.execute(select(lots.c.id).where(is_any_of(c, lots.c.id, ["a1", "a7", "x'y"])))
            .scalars()
            .all()
        )
    )
    assert sorted(found) == ["a1", "a7"]


async def test_no_rows_is_no_statement(database: Database) -> None:
    assert await database.write(lambda c: insert_rows(c, lots, COLUMNS, [])) == 0


def several(connection: Connection) -> list[Write]:
    fresh = [*ROWS[:2], ("b0", 1, "{}", b""), ("b1", 2, "{}", b"")]
    return [
        inserting(connection, lots, COLUMNS, fresh, skip_existing=True),
        inserting(connection, lots, COLUMNS, []),
        updating(connection, lots, ("id", "n"), ("note",), [("a3", 3, "{}"), ("a4", 5, "{}")]),
        adding(connection, lots, ("id",), ("n",), [("a5", 5), ("new", 7)]),
    ]


async def test_several_writes_count_each_for_itself(database: Database) -> None:
    written = await database.write(lambda c: write_all(c, several(c)))
    values = await read_n(database)
    assert written[:3] == [2, 0, 1]
    assert (values["b1"], values["a5"], values["new"]) == (2, 10, 7)


async def test_several_writes_are_undone_together(database: Database) -> None:
    def twice(connection: Connection) -> list[int]:
        again = inserting(connection, lots, COLUMNS, ROWS[:1])
        return write_all(connection, [*several(connection), again])

    with pytest.raises(IntegrityError):
        await database.write(twice)
    assert await read_n(database) == {f"a{i}": i for i in range(10)}


@pytest.mark.postgres
async def test_several_writes_are_one_round_trip(postgres_url: str) -> None:
    database = Database.open(postgres_url)
    texts: list[str] = []
    await database.write(metadata.create_all)

    def counted(connection: Connection) -> None:
        event.listen(connection, "after_cursor_execute", lambda *given: texts.append(given[2]))
        write_all(connection, several(connection))

    await database.write(counted)
    await database.close()
    assert len(texts) == 1
