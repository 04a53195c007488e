"""A database that cannot be used now is 503, and what can be used is used: on a real PostgreSQL."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import BigInteger, Column, Connection, MetaData, String, Table, make_url, text
from sqlalchemy.util import await_only

from kurs.data.bulk import insert_rows
from kurs.data.database import Database
from kurs.data.failures import DatabaseBlocked, DatabaseUnavailable
from kurs.data.limits import Limits
from kurs.data.writer import Writer
from kurs_testing.waiting import eventually

pytestmark = pytest.mark.postgres

metadata = MetaData()
notes = Table("notes", metadata, Column("id", String, primary_key=True), Column("n", BigInteger))
BUMP = text("UPDATE notes SET n = n + 1 WHERE id = :id")
PID = text("SELECT pg_backend_pid()")
LIMITS = Limits(statement_seconds=2.0)


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    database = Database.open(postgres_url, limits=LIMITS)
    await database.write(metadata.create_all)
    names = [(f"row-{n}", 0) for n in range(64)]
    await database.write(lambda c: insert_rows(c, notes, ("id", "n"), names))
    yield database
    await database.close()


@asynccontextmanager
async def administrator(url: str) -> AsyncIterator[asyncpg.Connection]:
    where = make_url(url)
    connection = await asyncpg.connect(
        host=str(where.query["host"]), user="postgres", database=where.database
    )
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def locked(url: str, row: str) -> AsyncIterator[None]:
    """Keep a row locked during the block."""
    async with administrator(url) as other, other.transaction():
        await other.execute("SELECT 1 FROM notes WHERE id = $1 FOR UPDATE", row)
        yield


def bump(connection: Connection, rows: Sequence[str]) -> list[str | Exception]:
    for row in rows:
        connection.execute(BUMP, {"id": row})
    return list(rows)


def writer(database: Database) -> Writer[str, str]:
    return Writer(database, bump, name="notes", keys=lambda row: (row,))


def read_pid(connection: Connection) -> int:
    return int(connection.execute(PID).scalar_one())


async def in_all(database: Database) -> int:
    return await database.read(
        lambda c: int(c.execute(text("SELECT sum(n) FROM notes")).scalar_one())
    )


async def test_what_does_not_touch_a_locked_row_goes_on(
    database: Database, postgres_url: str
) -> None:
    notes_writer = writer(database)
    async with locked(postgres_url, "row-7"):
        results = await notes_writer.submit_many([f"row-{n}" for n in range(64)])
        assert isinstance(results[7], DatabaseBlocked)
        assert [r for i, r in enumerate(results) if i != 7] == [
            f"row-{n}" for n in range(64) if n != 7
        ]
        assert results[7].headers["retry-after"] == "1"
        with pytest.raises(DatabaseBlocked):
            await notes_writer.submit("row-7")
        assert await notes_writer.submit_many(["row-6", "row-8"]) == ["row-6", "row-8"]
    assert await in_all(database) == 65

    async def freed() -> bool:
        try:
            return await notes_writer.submit("row-7") == "row-7"
        except DatabaseBlocked:
            return False

    await eventually(freed)
    await notes_writer.close()


async def test_a_locked_table_is_unavailable_to_reads_and_writes(
    database: Database, postgres_url: str
) -> None:
    async with administrator(postgres_url) as other, other.transaction():
        await other.execute("LOCK TABLE notes")
        with pytest.raises(DatabaseUnavailable):
            await in_all(database)
        with pytest.raises(DatabaseUnavailable):
            await database.write(lambda c: bump(c, ["row-1"]))
    assert await in_all(database) == 0


async def test_a_stopped_backend_holds_one_transaction_and_no_other(database: Database) -> None:
    """Its connection is given up, and what it was to do is done on another one."""
    notes_writer, stopped = writer(database), await database.read(read_pid)
    os.kill(stopped, signal.SIGSTOP)
    try:
        done = await asyncio.gather(*(notes_writer.submit(f"row-{n}") for n in range(8)))
        reads = await asyncio.gather(*(database.read(read_pid) for _ in range(8)))
        assert stopped not in reads
    finally:
        os.kill(stopped, signal.SIGCONT)
    assert (len(done), await in_all(database)) == (8, 8)
    await notes_writer.close()


async def test_a_second_batch_passes_one_that_hangs(database: Database, postgres_url: str) -> None:
    patient = Database.open(postgres_url, limits=Limits(lock_seconds=60, statement_seconds=60))
    notes_writer = writer(patient)
    async with locked(postgres_url, "row-1"):
        hanging = asyncio.create_task(notes_writer.submit("row-1"))
        await asyncio.sleep(0.05)
        assert await notes_writer.submit("row-2") == "row-2"
        assert not hanging.done()
    assert await hanging == "row-1"
    await notes_writer.close()
    await patient.close()


async def test_a_server_that_takes_no_writes_is_unavailable_and_left(
    database: Database, postgres_url: str
) -> None:
    name = make_url(postgres_url).database
    async with administrator(postgres_url) as other:
        await other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with pytest.raises(DatabaseUnavailable):
            await database.ping()
        with pytest.raises(DatabaseUnavailable):
            await database.write(lambda c: bump(c, ["row-1"]))
        assert await in_all(database) == 0
        # Not of the connections that are there: those of before stay what they were.
        await other.execute("SET default_transaction_read_only = off")
        await other.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = off")
        await asyncio.gather(*(database.write(lambda c: bump(c, ["row-1"])) for _ in range(8)))
        await database.ping()


async def test_the_first_read_after_a_restart_succeeds(
    database: Database, postgres_url: str
) -> None:
    await asyncio.gather(*(in_all(database) for _ in range(4)))
    async with administrator(postgres_url) as other:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert await in_all(database) == 0


@pytest.mark.parametrize(
    "raised", ["55000", "53100", "53200", "57014", "28000", "57P03", "08006", "25006"]
)
async def test_what_cannot_be_used_now_is_told_as_that(database: Database, raised: str) -> None:
    raising = text(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{raised}'; END $$")

    with pytest.raises(DatabaseUnavailable) as refused:
        await database.write(lambda c: c.execute(raising))

    assert refused.value.headers["retry-after"] == "1"
    with pytest.raises(DatabaseUnavailable):
        await database.read(lambda c: c.execute(raising))


@pytest.mark.parametrize("raised", ["53100", "57P01", "25006", "55000", "28000", "08006"])
async def test_a_connection_that_met_such_a_server_is_not_used_again(
    database: Database, raised: str
) -> None:
    """That server may stay as it is for whoever is connected: another one has taken its place."""
    raising = text(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{raised}'; END $$")
    before = {await database.read(read_pid) for _ in range(4)}

    with pytest.raises(DatabaseUnavailable):
        await database.write(lambda c: c.execute(raising))

    assert await database.read(read_pid) not in before


async def test_a_full_pool_is_unavailable(postgres_url: str) -> None:
    narrow = Database.open(postgres_url, limits=Limits(connections=2, pool_seconds=0.1))
    sleeping = text("SELECT pg_sleep(1)")
    results = await asyncio.gather(
        *(narrow.read(lambda c: c.execute(sleeping).scalar()) for _ in range(8)),
        return_exceptions=True,
    )
    await narrow.close()
    refused = [r for r in results if isinstance(r, BaseException)]
    assert refused
    assert all(isinstance(r, DatabaseUnavailable) for r in refused)


async def test_a_statement_that_takes_too_long_is_ended_unless_it_may(database: Database) -> None:
    sleeping = text("SELECT pg_sleep(2.5)")
    with pytest.raises(DatabaseUnavailable):
        await database.read(lambda c: c.execute(sleeping).all())
    await database.read(lambda c: c.execute(sleeping).all(), seconds=30)


async def test_no_session_compiles_its_plans(database: Database) -> None:
    """Its memory would be five times as much."""
    shown = await database.read(lambda c: c.execute(text("SHOW jit")).scalar())

    assert shown == "off"


async def test_refused_connections_are_unavailable() -> None:
    nowhere = Database.open("postgresql://kurs@127.0.0.1:1/x", limits=LIMITS)
    for call in (nowhere.read, nowhere.write):
        with pytest.raises(DatabaseUnavailable):
            await call(read_pid)
    await nowhere.close()


async def test_the_one_of_several_servers_that_takes_writes_is_found(
    database: Database, postgres_url: str
) -> None:
    where = make_url(postgres_url)
    both = f"postgresql://postgres@/{where.database}?host=/nowhere,{where.query['host']}"
    found = Database.open(both, limits=LIMITS)
    await found.write(lambda c: bump(c, ["row-1"]))
    await found.close()


async def test_a_file_that_is_locked_or_read_only_is_unavailable(tmp_path: Path) -> None:
    limits = Limits(lock_seconds=0.05, statement_seconds=1.0)
    path = tmp_path / "x.db"
    first, second = (Database.open(f"sqlite:///{path}", limits=limits) for _ in range(2))
    await first.write(metadata.create_all)
    went, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def keep(connection: Connection) -> None:
        insert_rows(connection, notes, ("id", "n"), [("kept", 1)])
        loop.call_soon_threadsafe(went.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()

    keeping = asyncio.create_task(first.write(keep))
    await went.wait()
    with pytest.raises(DatabaseUnavailable):
        await second.write(lambda c: bump(c, ["kept"]))
    go_on.set()
    await keeping
    endless = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                   "SELECT max(i) FROM n")  # fmt: skip
    with pytest.raises(DatabaseUnavailable):
        await second.read(lambda c: c.execute(endless).all())
    assert await second.write(lambda c: bump(c, ["kept"])) == ["kept"]
    await first.close()
    await second.close()


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_what_is_raised_after_a_silence_is_the_silence(postgres_url: str, kind: str) -> None:
    """A driver whose connection was taken from it in the midst of a statement fails anyhow."""
    database = Database.open(postgres_url, limits=Limits(statement_seconds=0.05))
    attempts = 0

    def late(connection: Connection) -> int:
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            return read_pid(connection)
        await_only(asyncio.sleep(database.limits.silence_seconds + 0.1))
        raise AttributeError("'NoneType' object has no attribute 'bind_execute'")

    assert await getattr(database, kind)(late)
    assert attempts == 2
    await database.close()


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_a_statement_that_takes_too_long_is_named_as_that(
    postgres_url: str, kind: str
) -> None:
    database = Database.open(postgres_url, limits=Limits(statement_seconds=0.05))
    sleep = text("SELECT pg_sleep(0.5)")
    with pytest.raises(DatabaseBlocked, match="took longer than it may"):
        await getattr(database, kind)(lambda c: c.execute(sleep).all())
    assert await getattr(database, kind)(lambda c: c.execute(sleep).all(), seconds=60.0)
    await database.close()


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_what_a_statement_may_take_is_never_less_than_the_database_s_limit(
    postgres_url: str, kind: str
) -> None:
    patient = Database.open(postgres_url, limits=Limits(statement_seconds=60.0))
    sleep = text("SELECT pg_sleep(0.2)")
    assert await getattr(patient, kind)(lambda c: c.execute(sleep).all(), seconds=0.05)
    await patient.close()
