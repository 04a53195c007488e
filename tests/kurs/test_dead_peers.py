"""A connection to a database does not outlive the machine at its other end."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Connection, make_url

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


def options(connection: Connection) -> tuple[int, int]:
    """Return how long the socket of a connection waits for its peer, and whether it asks."""
    driver: Any = connection.connection.driver_connection
    # asyncpg tells nobody otherwise what it speaks over.
    ours = driver._transport.get_extra_info("socket")  # noqa: SLF001
    waits = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    return waits, ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


async def test_a_connection_gives_up_a_peer_that_confirms_nothing(tcp_url: URL) -> None:
    database = Database.open(tcp_url.render_as_string(hide_password=False))
    assert isinstance(database, Postgresql)

    bound, is_kept_alive = await database.read(options)

    assert bound == 1000 * DEAD_AFTER_SECONDS
    assert is_kept_alive == 1
    await database.close()
