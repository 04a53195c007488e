"""A connection to a database does not outlive the machine at its other end."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, event, make_url, text

from kurs.data.database import Database
from kurs.data.postgresql import Postgresql
from kurs.kernel.dead_peers import DEAD_AFTER_SECONDS

pytestmark = pytest.mark.postgres


@pytest.fixture
async def tcp_url(postgres_url: str) -> AsyncIterator[URL]:
    """The database behind a TCP port, which alone can have a peer that is gone."""
    url = make_url(postgres_url)
    (path,) = Path(str(url.query["host"])).glob(".s.PGSQL.*[0-9]")
    copies: set[asyncio.Task[None]] = set()

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(path)
        copies.add(asyncio.ensure_future(copy(reader, back)))
        copies.add(asyncio.ensure_future(copy(there, writer)))

    server = await asyncio.start_server(join, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    yield url.set(host=host, port=port, query={"ssl": "disable"})
    server.close()
    await asyncio.gather(*copies)


async def test_a_connection_gives_up_a_peer_that_confirms_nothing(tcp_url: URL) -> None:
    database = Database.open(tcp_url.render_as_string(hide_password=False))
    assert isinstance(database, Postgresql)
    seen: list[Any] = []
    event.listen(
        database._engine.sync_engine,
        "checkout",
        lambda connection, *_: seen.append(
            connection.driver_connection._transport.get_extra_info("socket")
        ),
    )

    await database.read(lambda c: c.execute(text("SELECT 1")).all())

    bound = seen[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert bound == 1000 * DEAD_AFTER_SECONDS
    assert seen[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    await database.close()
