"""Server, migration and service may start in any order, and versions may go forth and back."""

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import make_url, text

from kurs.data.database import Database
from kurs.data.migrations import NoConnection, SchemaOutdated, ensure_schema, migrate
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


async def at_revision(url: str, revision: str) -> None:
    """Pretend that the schema is at a revision."""
    database = Database.open(url)
    await database.write(
        lambda c: c.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})
    )
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


def test_a_command_that_cannot_run_ends_with_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> None:
        raise NoConnection("no connection")

    def never() -> FastAPI:
        raise AssertionError("it must not serve")

    monkeypatch.setattr("sys.argv", ["wallet", "migrate"])
    with pytest.raises(SystemExit) as ended:
        main(ServiceSettings(service="wallet"), never, migrate=refused)

    assert ended.value.code == "wallet: no connection"


async def test_an_older_program_leaves_a_newer_schema_as_it_is(
    postgres_url: str, versions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await asyncio.to_thread(migrate, postgres_url, versions)
    await at_revision(postgres_url, "9999")

    await asyncio.to_thread(migrate, postgres_url, versions)
    database = Database.open(postgres_url)
    await ensure_schema(database, postgres_url, versions, wait_seconds=0)
    await database.close()

    assert "newer than this program" in capsys.readouterr().err
