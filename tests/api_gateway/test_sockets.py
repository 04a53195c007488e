"""The gateway as a process behind real sockets: what no in-process transport can show."""

import asyncio
import io
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from api_gateway.keys import ensure_dev_key
from kurs_testing.edges import write_keys

LOOPBACK = "127.0.0.1"
MEBIBYTE = 1024 * 1024
STARTUP_SECONDS = 180
SLOTS = 8


class RawService:
    """A service that notes the bytes it got and answers with the bytes of a test."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.answer = _answer(b'{"b" : 1.50}')
        self.left = asyncio.Event()
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["RawService"]:
        """Listen on a free port."""
        server = await asyncio.start_server(self._serve, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        yield self
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1]) if length else 0)
        if b"/openapi.json" not in head:
            self.requests.append(head + body)
        writer.write(self.answer)
        await writer.drain()
        if b"event-stream" in self.answer:
            await reader.read()
            self.left.set()
        writer.close()


class Process:
    """`python -m api_gateway` and how to reach it."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, key: str) -> None:
        self.process = process
        self.port = port
        self.key = key
        self.url = f"http://{LOOPBACK}:{port}"

    def session(self) -> aiohttp.ClientSession:
        """Return a client that carries the key."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        return aiohttp.ClientSession(self.url, headers=headers)

    async def converse(self, data: bytes) -> bytes:
        """Send bytes and return everything up to the end of the connection."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
        writer.write(data)
        await writer.drain()
        received = await reader.read()
        writer.close()
        return received

    def head(self, line: str, *fields: str) -> bytes:
        """Return a request's head with the key in it."""
        named = (f"Authorization: Bearer {self.key}", "Host: localhost", *fields)
        return "\r\n".join((line, *named, "", "")).encode()


@pytest.fixture
async def service() -> AsyncIterator[RawService]:
    """One service, which stands for all four."""
    async with RawService().running() as made:
        yield made


@pytest.fixture
async def gateway(tmp_path: Path, service: RawService) -> AsyncIterator[Process]:
    """A running gateway; it must leave with 0 on SIGTERM."""
    key = ensure_dev_key(tmp_path).read_text().strip()
    port = _free_port()
    url = f"http://{LOOPBACK}:{service.port}"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KURS_")},
        **{f"KURS_{name}_URL": url for name in ("PAYMENTS", "FX", "WALLET", "RISK")},
        "KURS_PORT": str(port),
        "KURS_EDGE_KEYS_DIR": str(write_keys(tmp_path / "edge-keys")),
        "KURS_API_KEYS_FILE": str(tmp_path / "api-keys.json"),
        "KURS_DRAIN_SECONDS": "0.1",
        "KURS_MAX_REQUESTS": str(SLOTS),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "api_gateway", env=environment, stdout=asyncio.subprocess.PIPE
    )
    running = Process(process, port, key)
    try:
        await _ready(running)
        yield running
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
    output, _ = await process.communicate()
    assert process.returncode == 0
    assert key.encode() not in output


async def test_the_gateway_over_real_sockets(gateway: Process, service: RawService) -> None:
    await _relays_bytes(gateway, service)
    await _refuses_a_large_body(gateway, service)
    await _refuses_a_body_without_end(gateway, service)
    await _refuses_two_lengths(gateway, service)
    await _serves_all_while_bodies_drip(gateway, service)
    await _streams_until_the_client_leaves(gateway, service)
    await _ends_open_streams_and_itself_on_sigterm(gateway, service)


EVENTS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nb\r\ndata: one\n\n\r\n"
)


async def _relays_bytes(gateway: Process, service: RawService) -> None:
    body = b'{ "amount": 1.50 }'
    head = gateway.head(
        "POST /payments?a=%20b HTTP/1.1",
        "Content-Type: application/json",
        "Idempotency-Key: k-1",
        "X-Kurs-Merchant: other",
        "Connection: close",
        f"Content-Length: {len(body)}",
    )

    received = await gateway.converse(head + body)

    arrived = service.requests.pop()
    assert arrived.startswith(b"POST /payments?a=%20b HTTP/1.1\r\n")
    assert arrived.endswith(b"\r\n\r\n" + body)
    assert b"X-Kurs-Merchant: demo\r\n" in arrived
    assert b"other" not in arrived
    assert b"Idempotency-Key: k-1\r\n" in arrived
    assert gateway.key.encode() not in arrived
    assert received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert received.endswith(b'\r\n\r\n{"b" : 1.50}')
    assert received.lower().count(b"\r\ndate:") == 1


async def _refuses_a_large_body(gateway: Process, service: RawService) -> None:
    body = io.BytesIO(b"x" * (2 * MEBIBYTE))
    async with gateway.session() as session, session.post("/payments", data=body) as answer:
        assert answer.status == 413
        assert (await answer.json())["code"] == "payload_too_large"
    assert service.requests == []


async def _refuses_a_body_without_end(gateway: Process, service: RawService) -> None:
    fields = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    reader, writer = await asyncio.open_connection(LOOPBACK, gateway.port)
    writer.write(gateway.head("POST /payments HTTP/1.1", *fields))
    answer = asyncio.create_task(reader.readuntil(b"\r\n"))
    # A client that looks for an answer between its chunks; one that never does gets a reset.
    while not answer.done():
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await asyncio.wait([answer], timeout=0.005)
    assert (await answer).startswith(b"HTTP/1.1 413 ")
    writer.close()
    assert service.requests == []


async def _refuses_two_lengths(gateway: Process, service: RawService) -> None:
    head = gateway.head(
        "POST /payments HTTP/1.1",
        "Content-Type: application/json",
        "Content-Length: 2",
        "Transfer-Encoding: chunked",
    )

    received = await gateway.converse(head + b"0\r\n\r\nGET /rates HTTP/1.1\r\n\r\n")

    assert received.startswith(b"HTTP/1.1 400 ")
    assert service.requests == []


async def _serves_all_while_bodies_drip(gateway: Process, service: RawService) -> None:
    fields = ("Content-Type: application/json", "Content-Length: 2")
    one_byte = gateway.head("POST /payments HTTP/1.1", *fields) + b"{"
    writers = []
    for _ in range(2 * SLOTS):
        _, writer = await asyncio.open_connection(LOOPBACK, gateway.port)
        writer.write(one_byte)
        writers.append(writer)
    async with gateway.session() as session:
        async with asyncio.timeout(60):
            while await _gauge(session, "kurs_gateway_bodies") < 2 * SLOTS:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        async with session.post("/payments", data=b"{}") as answer:
            assert answer.status == 200
        assert await _gauge(session, "kurs_gateway_in_flight") == 0
    for writer in writers:
        writer.close()
    service.requests.clear()


async def _streams_until_the_client_leaves(gateway: Process, service: RawService) -> None:
    service.answer = EVENTS
    async with gateway.session() as session, session.get("/payments/events") as answer:
        assert await answer.content.readuntil(b"\n\n") == b"data: one\n\n"
        assert not service.left.is_set()
    await service.left.wait()


async def _ends_open_streams_and_itself_on_sigterm(gateway: Process, service: RawService) -> None:
    service.left.clear()
    async with gateway.session() as session, session.get("/payments/events") as answer:
        await answer.content.readuntil(b"\n\n")

        gateway.process.send_signal(signal.SIGTERM)

        assert await answer.content.read() == b""
    await service.left.wait()
    assert await gateway.process.wait() == 0


def _answer(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Tue, 24 Nov 2026 06:25:00 GMT"
        b"\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
    )


async def _ready(gateway: Process) -> None:
    async with asyncio.timeout(STARTUP_SECONDS), aiohttp.ClientSession() as session:
        while True:
            assert gateway.process.returncode is None
            try:
                async with session.get(f"{gateway.url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)


async def _gauge(session: aiohttp.ClientSession, name: str) -> float:
    async with session.get("/metrics") as answer:
        found = re.search(rf"(?m)^{name} (\S+)", await answer.text())
    assert found is not None
    return float(found[1])


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind((LOOPBACK, 0))
        port: int = bound.getsockname()[1]
        return port
