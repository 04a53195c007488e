"""A disk without room: whoever asks is told to come later, nothing is half done, and it goes on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url
from tests.system.conftest import PATIENT, SAMPLES
from tests.system.databases import create_databases

from kurs.calls import Response
from kurs.data import sqlite
from kurs.data.database import Database
from kurs_testing.joined import JoinedGateway
from kurs_testing.parts import part
from kurs_testing.waiting import eventually

# A page may have room for some more rows.
MOST = 400
# An outcome that found no room is looked for when its lease is over.
SOON = {**PATIENT, "payments": {"payment_seconds": 6.0, "lease_seconds": 8.0}}
TABLES = {"payments": "payments", "wallet": "postings"}


class SmallFile:
    """SQLite's own bound of a file: what is beyond it is SQLITE_FULL."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._full = False
        opened = sqlite._write_ahead  # noqa: SLF001 - every connection of a file passes there

        def bounded(connection: Any) -> None:
            opened(connection)
            if self._full:
                connection.execute("PRAGMA max_page_count = 1")

        monkeypatch.setattr(sqlite, "_write_ahead", bounded)

    async def fill(self, database: Database) -> None:
        self._full = True
        await database.write(lambda c: c.exec_driver_sql("PRAGMA max_page_count = 1"))

    async def free(self) -> None:
        # The connection that met it has gone: the next one is without a bound.
        self._full = False


class FullServer:
    """A server that says of an insertion what one without room says: 53100."""

    def __init__(self, url: str, table: str) -> None:
        self._url, self._table = make_url(url), table

    async def fill(self, _: Database) -> None:
        await self._run(
            "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$;"
            f"CREATE TRIGGER no_room BEFORE INSERT ON {self._table} EXECUTE FUNCTION no_room()"
        )

    async def free(self) -> None:
        await self._run(f"DROP TRIGGER no_room ON {self._table}; DROP FUNCTION no_room()")

    async def _run(self, statements: str) -> None:
        host = str(self._url.query["host"])
        owner = await asyncpg.connect(host=host, user="postgres", database=self._url.database)
        try:
            await owner.execute(statements)
        finally:
            await owner.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "sqlite":
        return {}
    return asyncio.run(create_databases(request.getfixturevalue("postgres_server")))


@pytest.fixture
async def joined(databases: dict[str, str], tmp_path: Path) -> AsyncIterator[JoinedGateway]:
    async with JoinedGateway(
        tmp_path / "kurs", SAMPLES, overrides=SOON, databases=databases
    ) as gateway:
        await gateway.open_and_fund("alice", USD="1000.00")
        await gateway.open_and_fund("bob")
        yield gateway


def ask(gateway: JoinedGateway, service: str, number: int) -> Any:
    """Pay or deposit 1.00 to bob."""
    money = {"amount": "1.00", "currency": "USD"}
    if service == "wallet":
        body = {"deposit_id": f"d{number}", "account_id": "bob", **money}
        return gateway.call("POST", "/deposits", body)
    named = {"source_account": "alice", "destination_account": "bob"}
    return gateway.call("POST", "/payments", {"payment_id": f"p{number}", **named, **money})


@pytest.mark.parametrize("service", TABLES)
async def test_without_room_it_is_503_and_with_room_it_goes_on(
    joined: JoinedGateway, databases: dict[str, str], service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullServer(databases[service], TABLES[service]) if databases else SmallFile(monkeypatch)
    await disk.fill(part(joined.apps[service], Database))

    refused: Response | None = None
    asked = 0
    while asked < MOST:
        refused = await ask(joined, service, asked)
        asked += 1
        # What was taken in and found no room for its outcome is open, and told so.
        if refused.status not in (200, 202):
            break

    assert refused is not None
    assert (refused.status, refused.json()["code"]) == (503, "database_unavailable")
    assert refused.headers["retry-after"] == "1"
    await disk.free()
    for number in range(asked + 5):

        async def is_done(number: int = number) -> bool:
            return bool((await ask(joined, service, number)).status == 200)

        await eventually(is_done)
    assert await joined.balance("bob", "USD") == f"{asked + 5}.00"
    assert {float(total) for total in (await joined.sums()).values()} == {0.0}
