"""kurs.data.database: transactions, retries and the one writer, alike on both databases."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, select

from kurs.data.address import UrlUnfit
from kurs.data.bulk import insert_rows
from kurs.data.database import Database
from kurs.data.failures import RetryTransaction
from kurs.data.writer import Writer

metadata = MetaData()
notes = Table("notes", metadata, Column("id", String, primary_key=True), Column("n", BigInteger))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database.open(database_url)
    await database.write(metadata.create_all)
    yield database
    await database.close()


def add(connection: Connection, name: str) -> None:
    insert_rows(connection, notes, ("id", "n"), [(name, 1)])


async def names(database: Database) -> list[str]:
    query = select(notes.c.id).order_by(notes.c.id)
    return list(await database.read(lambda c: c.execute(query).scalars().all()))


async def test_a_failing_transaction_leaves_nothing(database: Database) -> None:
    def fail(connection: Connection) -> None:
        add(connection, "a")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(fail)
    assert await names(database) == []


async def test_a_retry_starts_from_what_is_stored(database: Database) -> None:
    attempts = 0

    def work(connection: Connection) -> None:
        nonlocal attempts
        attempts += 1
        add(connection, f"try{attempts}")
        if attempts < 3:
            raise RetryTransaction

    await database.write(work)
    assert await names(database) == ["try3"]


async def test_the_writer_shares_a_transaction_and_isolates_the_bad_one(
    database: Database,
) -> None:
    def apply(connection: Connection, ops: Sequence[str]) -> list[str | Exception]:
        for op in ops:
            if op == "bad":
                raise ValueError(op)
            add(connection, op)
        return list(ops)

    writer: Writer[str, str] = Writer(database, apply, name="t")
    results = await asyncio.gather(
        *(writer.submit(op) for op in ("a", "bad", "b")), return_exceptions=True
    )
    assert (results[0], results[2]) == ("a", "b")
    assert isinstance(results[1], ValueError)
    assert await names(database) == ["a", "b"]


async def test_two_writers_do_not_lose_an_update(database_url: str) -> None:
    first, second = Database.open(database_url), Database.open(database_url)
    await first.write(metadata.create_all)
    await first.write(lambda c: add(c, "counter"))

    def bump(connection: Connection) -> None:
        query = select(notes.c.n).where(notes.c.id == "counter")
        if connection.dialect.name == "postgresql":
            query = query.with_for_update()
        n = connection.execute(query).scalar_one()
        connection.execute(notes.update().values(n=n + 1))

    await asyncio.gather(*(db.write(bump) for db in (first, second) * 20))
    assert await first.read(lambda c: c.execute(select(notes.c.n)).scalar()) == 41
    await first.close()
    await second.close()


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(UrlUnfit, match="sqlite:///"):
        Database.open(url)
