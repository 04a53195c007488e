"""An index of a large table is built while that is written; what a broken build left is mended."""

import asyncio
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import inspect, make_url, text
from tests.kurs.test_migrations_compatible import VERSIONS, ordered

from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs_testing.waiting import eventually

TABLE = "from alembic import op\nrevision, down_revision = '0001', None\n"
MADE = "def upgrade():\n    op.execute('CREATE TABLE thing (id INTEGER)')\n"
INDEXED = """
revision, down_revision = '0002', '0001'
def upgrade(): pass
def indexes(dialect): return {'ix_thing': 'thing (id) WHERE id > 0'}
"""

ANOTHER = """
revision, down_revision = '0003', '0002'
def upgrade(): pass
def indexes(dialect): return {'ix_another': 'thing (id)'}
"""
INSTEAD = """
revision, down_revision = '0003', '0002'
def upgrade(): pass
def indexes(dialect): return {'ix_instead': 'thing (id)'}
def retired_indexes(): return ('ix_thing', 'ix_plain')
"""
PLAIN = re.compile(r'(?:create_index\(\s*"\w+", "|CREATE INDEX \w+ ON )(\w+)')


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    """Return a folder of one revision, which makes a table."""
    folder = tmp_path / "versions"
    folder.mkdir()
    (folder / "0001_initial.py").write_text(TABLE + MADE)
    return folder


async def indexes(url: str) -> set[str | None]:
    database = Database.open(url)
    found = await database.read(lambda c: {x["name"] for x in inspect(c).get_indexes("thing")})
    await database.close()
    return found


@asynccontextmanager
async def session(url: str) -> Any:
    """A session of somebody else."""
    where = make_url(url)
    host = str(where.query["host"])
    connection = await asyncpg.connect(host=host, user="postgres", database=where.database)
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_declared_index_is_there_after_the_migration(
    database_url: str, versions: Path
) -> None:
    (versions / "0002_index.py").write_text(INDEXED)
    await asyncio.to_thread(migrate, database_url, versions)
    assert await indexes(database_url) == {"ix_thing"}

    (versions / "0003_another.py").write_text(ANOTHER)
    for _ in range(2):
        await asyncio.to_thread(migrate, database_url, versions)
        assert await indexes(database_url) == {"ix_thing", "ix_another"}


@pytest.mark.parametrize("at_once", [True, False])
async def test_an_index_that_nothing_is_for_any_more_goes(
    database_url: str, versions: Path, at_once: bool
) -> None:
    plain = MADE + "    op.execute('CREATE INDEX ix_plain ON thing (id)')\n"
    (versions / "0001_initial.py").write_text(TABLE + plain)
    (versions / "0002_index.py").write_text(INDEXED)
    if not at_once:
        await asyncio.to_thread(migrate, database_url, versions)
        assert await indexes(database_url) == {"ix_thing", "ix_plain"}

    (versions / "0003_instead.py").write_text(INSTEAD)
    for _ in range(2):
        await asyncio.to_thread(migrate, database_url, versions)
        assert await indexes(database_url) == {"ix_instead"}


@pytest.mark.postgres
async def test_writes_go_on_while_an_index_is_built(postgres_url: str, versions: Path) -> None:
    await asyncio.to_thread(migrate, postgres_url, versions)
    (versions / "0002_index.py").write_text(INDEXED)
    building = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
        "query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"
    )
    database = Database.open(postgres_url)
    async with session(postgres_url) as holder:
        transaction = holder.transaction()
        await transaction.start()
        await holder.execute("INSERT INTO thing VALUES (1)")
        migrating = asyncio.create_task(asyncio.to_thread(migrate, postgres_url, versions))

        async def is_building() -> bool:
            return bool(await database.read(lambda c: c.execute(building).scalar()))

        await eventually(is_building)
        await database.write(lambda c: c.execute(text("INSERT INTO thing VALUES (2)")))
        await asyncio.to_thread(migrate, postgres_url, versions)
        assert not migrating.done()
        await transaction.commit()
    await migrating
    await database.close()

    assert await indexes(postgres_url) == {"ix_thing"}


@pytest.mark.postgres
async def test_what_a_broken_build_left_is_built_anew(postgres_url: str, versions: Path) -> None:
    await asyncio.to_thread(migrate, postgres_url, versions)
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_thing'::regclass"
    async with session(postgres_url) as other:
        await other.execute("INSERT INTO thing VALUES (1), (1)")
        with pytest.raises(asyncpg.UniqueViolationError):
            await other.execute("CREATE UNIQUE INDEX CONCURRENTLY ix_thing ON thing (id)")
        assert await other.fetchval(valid) is False

        (versions / "0002_index.py").write_text(INDEXED)
        await asyncio.to_thread(migrate, postgres_url, versions)

        assert await other.fetchval(valid) is True


@pytest.mark.parametrize("versions", VERSIONS.values(), ids=VERSIONS)
def test_no_revision_keeps_writers_out_of_a_table_of_an_earlier_one(versions: Path) -> None:
    """Unique indexes are the exception: at no moment is there what they forbid."""
    for file in ordered(versions):
        source = file.read_text()
        for table in PLAIN.findall(source):
            assert re.search(rf"(create_table\(\s*\"|CREATE TABLE ){table}\b", source), file.name
