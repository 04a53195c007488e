"""PostgreSQL's own processes die under reads and writes: callers are told to try again, no more."""

import asyncio
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from tests.crash.strikes import kill_backend

from devstack.postgres import EmbeddedPostgres
from kurs.data.database import Database
from kurs.data.failures import DatabaseUnavailable

pytestmark = [pytest.mark.crash, pytest.mark.postgres]
KILLS = 8
_TABLE = text("CREATE TABLE IF NOT EXISTS counted (number int)")
_INSERT = text("INSERT INTO counted VALUES (1)")
_COUNT = text("SELECT count(*) FROM counted")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path, and one that the server's own user may enter."""
    with tempfile.TemporaryDirectory(prefix="kurs-pg-") as path:
        Path(path).chmod(0o755)
        yield Path(path) / "postgresql"


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder)
    server.create_databases(["backends"])
    yield server
    server.stop()


async def test_whatever_moment_a_backend_dies_in_the_database_is_merely_unavailable(
    server: EmbeddedPostgres, folder: Path
) -> None:
    database = Database.open(server.owner_url("backends"))
    await database.write(lambda c: c.execute(_TABLE))
    stop = asyncio.Event()
    callers = [asyncio.create_task(_call(database, n % 2 == 0, stop)) for n in range(8)]
    for _ in range(KILLS):
        await asyncio.sleep(random.uniform(0.2, 0.8))
        await asyncio.to_thread(kill_backend, folder, ["backends"], random.Random())
    stop.set()
    done = await asyncio.gather(*callers)
    await database.close()

    assert sum(done) > 0


async def _call(database: Database, writes: bool, stop: asyncio.Event) -> int:
    """Read or write until told to stop; any fault but DatabaseUnavailable ends the test."""
    done = 0
    while not stop.is_set():
        try:
            await (database.write(_insert) if writes else database.read(_count))
            done += 1
        except DatabaseUnavailable:
            await asyncio.sleep(0.02)
    return done


def _insert(connection: Connection) -> None:
    for _ in range(5):
        connection.execute(_INSERT)


def _count(connection: Connection) -> None:
    for _ in range(5):
        connection.execute(_COUNT)
