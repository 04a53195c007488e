"""Server, migration and service may start in any order, and versions may go forth and back."""

import asyncio
import socket
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, inspect, make_url, text

from kurs.data.database import Database
from kurs.data.limits import Limits
from kurs.data.migrations import (
    NoConnection,
    SchemaLocked,
    SchemaOutdated,
    ensure_schema,
    migrate,
)
from kurs.data.versions import version_table
from kurs.kernel.settings import ServiceSettings
from kurs.web.server import main

pytestmark = pytest.mark.postgres


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """Return a folder with one revision, which makes a table."""
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "0001_initial.py").write_text(
        "from alembic import op\n"
        "revision, down_revision = '0001', None\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE thing (id INTEGER)')\n"
    )
    return folder


async def at_revision(url: str, versions: Path, revision: str) -> None:
    """Pretend that the schema is at a revision."""
    database = Database.open(url)
    change = text(f"UPDATE {version_table(versions)} SET version_num = :r")
    await database.write(lambda c: c.execute(change, {"r": revision}))
    await database.close()


async def test_a_service_waits_for_the_migration_of_its_schema(
    postgres_url: str, versions: Path
) -> None:
    database = Database.open(postgres_url)
    waiting = asyncio.create_task(ensure_schema(database, postgres_url, versions))
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done, "it must not go on without a schema"

    await asyncio.to_thread(migrate, postgres_url, versions)

    await asyncio.wait_for(waiting, 60)
    await database.close()


async def test_a_service_gives_up_with_the_command_that_helps(
    postgres_url: str, versions: Path
) -> None:
    database = Database.open(postgres_url)

    with pytest.raises(SchemaOutdated, match="migrate` first"):
        await ensure_schema(database, postgres_url, versions, wait_seconds=0)

    await database.close()


async def test_a_service_on_a_file_waits_for_its_lock_and_does_other_work(
    tmp_path: Path, versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(_: float) -> None:
        raise AssertionError("a thread of the service stood still")

    monkeypatch.setattr("kurs.data.migrations.time", SimpleNamespace(sleep=sleep))
    url = f"sqlite:///{tmp_path / 'own.db'}"
    database = Database.open(url)
    with sqlite3.connect(tmp_path / "own.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        waiting = asyncio.create_task(ensure_schema(database, url, versions))
        done, _ = await asyncio.wait([waiting], timeout=1.0)
        assert not done
        other.execute("ROLLBACK")
    await waiting
    await database.close()


async def test_a_migration_waits_for_its_server(
    postgres_url: str, versions: Path, tmp_path: Path
) -> None:
    url = make_url(postgres_url)
    (socket,) = Path(str(url.query["host"])).glob(".s.PGSQL.*[0-9]")
    folder = tmp_path / "s"
    folder.mkdir()
    late = url.update_query_dict({"host": str(folder)}).render_as_string(hide_password=False)
    waiting = asyncio.create_task(asyncio.to_thread(migrate, late, versions))
    done, _ = await asyncio.wait([waiting], timeout=0.3)
    assert not done, "it must not give up at once"

    (folder / socket.name).symlink_to(socket)

    await asyncio.wait_for(waiting, 60)


def test_a_migration_does_not_wait_for_what_never_comes(postgres_url: str, versions: Path) -> None:
    missing = make_url(postgres_url).set(database="no-such-database", password="p4ss")

    with pytest.raises(NoConnection, match="does not exist") as found:
        migrate(missing.render_as_string(hide_password=False), versions)

    assert "p4ss" not in str(found.value)


def test_a_migration_that_waited_in_vain_says_where_why_and_what_to_do(versions: Path) -> None:
    nowhere = "postgresql+asyncpg://kurs:p4ss@127.0.0.1:1/wallet"

    with pytest.raises(NoConnection) as found:
        migrate(nowhere, versions, wait_seconds=0)

    message = str(found.value)
    assert message.startswith("no connection to the database wallet at 127.0.0.1:1: ")
    assert "check the database URL" in message
    assert "p4ss" not in message


def test_a_migration_that_knows_no_address_names_the_setting_for_dns_while_it_waits(
    versions: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nameless(*_: object, **__: object) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr("socket.getaddrinfo", nameless)
    with pytest.raises(NoConnection, match=r"global\.network\.dns"):
        migrate("postgresql://kurs@db.example:5432/wallet", versions, wait_seconds=1)

    told = capsys.readouterr().err
    assert told.startswith("waiting for the database wallet at db.example:5432: ")
    assert "global.network.dns" in told


class _OfTheWallet(ServiceSettings):
    service: str = "wallet"


def test_a_command_that_cannot_run_ends_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(_: ServiceSettings) -> None:
        raise NoConnection("no connection")

    def never(_: ServiceSettings) -> FastAPI:
        raise AssertionError("it must not serve")

    monkeypatch.setattr("sys.argv", ["wallet", "migrate"])
    with pytest.raises(SystemExit) as ended:
        main(_OfTheWallet, never, migrate=refused)

    assert ended.value.code == 2
    assert capsys.readouterr().err == "wallet: no connection\n"


async def test_an_older_program_leaves_a_newer_schema_as_it_is(
    postgres_url: str, versions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await asyncio.to_thread(migrate, postgres_url, versions)
    await at_revision(postgres_url, versions, "9999")

    await asyncio.to_thread(migrate, postgres_url, versions)
    database = Database.open(postgres_url)
    await ensure_schema(database, postgres_url, versions, wait_seconds=0)
    await database.close()

    assert "newer than this program" in capsys.readouterr().err


async def test_requests_do_not_wait_behind_a_migration_that_waits(
    postgres_url: str, versions: Path
) -> None:
    """An idle reader keeps the table; the migration lets go of it and comes back."""
    await asyncio.to_thread(migrate, postgres_url, versions)
    (versions / "0002_note.py").write_text(
        "from alembic import op\n"
        "revision, down_revision = '0002', '0001'\n"
        "def upgrade():\n"
        "    op.execute('ALTER TABLE thing ADD COLUMN note TEXT')\n"
    )
    database = Database.open(postgres_url, limits=Limits(lock_seconds=10.0))
    reading, read_all = asyncio.Event(), asyncio.Event()
    look = text("SELECT count(*) FROM thing")
    where = make_url(postgres_url)

    async def idle_reader() -> None:
        other = await asyncpg.connect(
            host=str(where.query["host"]), user="postgres", database=where.database
        )
        async with other.transaction():
            await other.execute("SELECT count(*) FROM thing")
            reading.set()
            await read_all.wait()
        await other.close()

    reader = asyncio.create_task(idle_reader())
    await reading.wait()
    migrating = asyncio.create_task(asyncio.to_thread(migrate, postgres_url, versions))
    for _ in range(20):
        await database.read(lambda c: c.execute(look).scalar(), seconds=60)
        await asyncio.sleep(0.1)
    assert not migrating.done()
    read_all.set()
    await reader
    await migrating
    await database.read(lambda c: c.execute(text("SELECT note FROM thing")).all())
    await database.close()


async def test_a_migration_that_gets_no_lock_says_who_may_have_it(
    postgres_url: str, versions: Path
) -> None:
    where = make_url(postgres_url)
    other = await asyncpg.connect(
        host=str(where.query["host"]), user="postgres", database=where.database
    )
    async with other.transaction():
        await other.execute("CREATE TABLE thing (id int)")
        with pytest.raises(SchemaLocked, match="pg_stat_activity"):
            await asyncio.to_thread(migrate, postgres_url, versions, wait_seconds=0)
    await other.close()


def other_service(folder: Path) -> Path:
    """Return the revisions of a second service, of the same number as the first one's."""
    versions = folder / "other" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0001_initial.py").write_text(
        "from alembic import op\n"
        "revision, down_revision = '0001', None\n"
        "def upgrade():\n"
        "    op.execute('CREATE TABLE another (id INTEGER)')\n"
    )
    return versions


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


async def test_two_services_may_share_a_database(
    database_url: str, versions: Path, tmp_path: Path
) -> None:
    second = other_service(tmp_path)

    for each in (versions, second, versions, second):
        await asyncio.to_thread(migrate, database_url, each)

    database = Database.open(database_url)
    assert {"thing", "another"} <= await database.read(tables)
    for each in (versions, second):
        await ensure_schema(database, database_url, each, wait_seconds=0)
    await database.close()


async def test_what_the_release_before_made_is_taken_over(
    database_url: str, versions: Path, tmp_path: Path
) -> None:
    """Its one table of versions is of the service whose tables are there."""
    database = Database.open(database_url)

    def before(connection: Connection) -> None:
        for statement in (
            "CREATE TABLE thing (id INTEGER)",
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",
            "INSERT INTO alembic_version VALUES ('0001')",
        ):
            connection.execute(text(statement))

    await database.write(before)
    second = other_service(tmp_path)
    for each in (second, versions):
        await asyncio.to_thread(migrate, database_url, each)

    assert {"thing", "another"} <= await database.read(tables)
    old = text("SELECT version_num FROM alembic_version")
    assert await database.read(lambda c: c.execute(old).scalars().all()) == ["0001"]
    await database.close()
