"""Several servers of one database: every connect asks each of them once, whatever others do."""

import asyncio
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from sqlalchemy import make_url, text

from kurs.data import postgresql
from kurs.data.address import read_address
from kurs.data.database import Database
from kurs.data.limits import Limits


async def test_connects_at_the_same_time_may_find_different_servers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, waits, silent = list[str](), asyncio.Event(), asyncio.Event()

    async def connect(server: str, **_: Any) -> Any:
        asked.append(server)
        if "@a" in server:
            raise ConnectionRefusedError("a is gone")
        if len(asked) == 2:
            waits.set()
            await silent.wait()
            raise TimeoutError("b was silent")
        return SimpleNamespace(_transport=SimpleNamespace(get_extra_info=lambda _: None))

    monkeypatch.setattr(asyncpg, "connect", connect)
    monkeypatch.setattr(postgresql, "end_with_dead_peer", lambda _: None)
    made: dict[str, Any] = {}
    monkeypatch.setattr(
        postgresql,
        "create_async_engine",
        lambda _, **kwargs: made.update(kwargs) or SimpleNamespace(sync_engine=None),
    )
    monkeypatch.setattr(postgresql.event, "listen", lambda *_: None)
    postgresql.postgresql_engine(read_address("postgresql://u@a,b/w"), Limits())

    first = asyncio.create_task(made["async_creator"]())
    await waits.wait()
    # This one finds b good, so that b stands first from now on.
    await made["async_creator"]()
    silent.set()
    with pytest.raises(TimeoutError, match="b was silent"):
        await first


@pytest.mark.postgres
async def test_a_try_to_connect_that_is_not_answered_gets_another_beside_it(
    postgres_url: str,
) -> None:
    """One address may stand for several servers, of which one is gone: it swallows what comes."""
    real, tries = make_url(postgres_url), 0

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            await reader.read()
            writer.close()
            return
        socket = f"{real.query['host']}/.s.PGSQL.{real.query.get('port', '5432')}"
        there, thither = await asyncio.open_unix_connection(socket)
        await asyncio.gather(_copy(reader, thither), _copy(there, writer))

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"postgresql://{real.username}@127.0.0.1:{port}/{real.database}?sslmode=disable"
    database = Database.open(url, limits=Limits(connect_seconds=60.0))
    assert await database.read(lambda c: c.execute(text("SELECT 1")).scalar()) == 1
    assert tries > 1
    await database.close()
    server.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while block := await source.read(65536):
        target.write(block)
        await target.drain()
    target.close()
