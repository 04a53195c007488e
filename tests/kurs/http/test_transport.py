"""Over real sockets: what is sent, and whether a failure may have happened."""

import asyncio
import ctypes
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from multidict import CIMultiDict

from kurs.calls import (
    AiohttpTransport,
    ConnectionLost,
    Request,
    ResponseTimeout,
    ServiceClient,
    Transport,
    Unreachable,
)
from kurs.telemetry import Telemetry

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Twice: a\r\nX-Twice: b\r\n\r\nok"


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[[Script], AbstractAsyncContextManager[str]]


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport()
    yield transport
    await transport.close()


@pytest.fixture
def serve() -> Serve:
    """Start a TCP server whose every connection runs a script; yields its base URL."""

    @asynccontextmanager
    async def running(script: Script) -> AsyncIterator[str]:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await script(reader, writer)
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    return running


def post(base: str, *, timeout: float = 30.0, headers: dict[str, str] | None = None) -> Request:
    return Request("POST", f"{base}/pay", CIMultiDict(headers or {}), b"{}", timeout)


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(length[0].split(b":")[1]) if length else 0)


def make_deaf(writer: asyncio.StreamWriter) -> None:
    """Let the kernel drop what comes for a connection before it confirms it, as if it were gone."""
    nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # BPF: return 0
    program = struct.pack("HL", 1, ctypes.addressof(nothing))
    attach_filter = 26
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, attach_filter, program)


async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        try:
            await read_request(reader)
        except asyncio.IncompleteReadError:
            return
        writer.write(ANSWER)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_an_answer_comes_back_whole(transport: AiohttpTransport, serve: Serve) -> None:
    async with serve(answer_all) as base:
        answer = await transport.send(post(base))

    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.headers.getall("x-twice") == ["a", "b"]
    assert answer.raw_headers[1:] == ((b"X-Twice", b"a"), (b"X-Twice", b"b"))


async def test_only_the_callers_headers_are_sent(transport: AiohttpTransport, serve: Serve) -> None:
    seen: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(ANSWER)

    async with serve(script) as base:
        await transport.send(post(base, headers={"X-Own": "1"}))

    names = [line.split(b":")[0].lower() for line in seen[0].split(b"\r\n")[1:-2]]
    assert sorted(names) == [b"content-length", b"host", b"x-own"]


async def test_a_path_is_sent_as_it_is(transport: AiohttpTransport, serve: Serve) -> None:
    seen: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(ANSWER)

    async with serve(script) as base:
        await transport.send(Request("GET", f"{base}/a%2Fb/%7e?x=%20+1&x=2"))

    assert seen[0].startswith(b"GET /a%2Fb/%7e?x=%20+1&x=2 HTTP/1.1\r\n")


async def test_a_redirect_is_an_answer(transport: AiohttpTransport, serve: Serve) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: /else\r\nContent-Length: 0\r\n\r\n")

    async with serve(script) as base:
        assert (await transport.send(post(base))).status == 302


async def test_a_compressed_body_stays_compressed(
    transport: AiohttpTransport, serve: Serve
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08"
        )

    async with serve(script) as base:
        assert (await transport.send(post(base))).body == b"\x1f\x8b\x08"


async def test_a_refused_connection_did_nothing(transport: AiohttpTransport) -> None:
    with pytest.raises(Unreachable):
        await transport.send(post(f"http://127.0.0.1:{free_port()}"))


async def test_an_address_that_is_none_did_nothing(transport: AiohttpTransport) -> None:
    with pytest.raises(Unreachable):
        await transport.send(post("ftp://wallet"))


async def test_waiting_for_a_free_connection_in_vain_did_nothing(serve: Serve) -> None:
    transport = AiohttpTransport(limit=1)
    requests: asyncio.Queue[bytes] = asyncio.Queue()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.put_nowait(await read_request(reader))
        await reader.read()

    async with serve(script) as base:
        first = asyncio.create_task(transport.send(post(base)))
        await requests.get()
        with pytest.raises(Unreachable):
            await transport.send(post(base, timeout=0.05))
        await transport.close()
        with pytest.raises(ConnectionLost):
            await first

    assert requests.empty()


async def test_a_silent_server_may_have_done_it(transport: AiohttpTransport, serve: Serve) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serve(script) as base:
        with pytest.raises(ResponseTimeout):
            await transport.send(post(base, timeout=0.1))


async def test_a_reset_after_sending_may_have_done_it(
    transport: AiohttpTransport, serve: Serve
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.transport.abort()

    async with serve(script) as base:
        with pytest.raises(ConnectionLost):
            await transport.send(post(base))


@pytest.mark.parametrize(
    "partial",
    [
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
        b"this is not HTTP\r\n\r\n",
    ],
)
async def test_an_answer_that_breaks_off_may_have_done_it(
    transport: AiohttpTransport, serve: Serve, partial: bytes
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(partial)

    async with serve(script) as base:
        with pytest.raises(ConnectionLost):
            await transport.send(post(base))


async def close_when_reused(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(ANSWER)
    await read_request(reader)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_kept_connection_closed_without_an_answer_may_have_done_it(
    transport: AiohttpTransport, serve: Serve, method: str
) -> None:
    async with serve(close_when_reused) as base:
        await transport.send(Request(method, base))
        with pytest.raises(ConnectionLost):
            await transport.send(Request(method, base))


async def test_a_kept_connection_closed_without_an_answer_is_tried_again_when_repeatable(
    transport: AiohttpTransport, serve: Serve, telemetry: Telemetry
) -> None:
    async with serve(close_when_reused) as base:
        client = ServiceClient("wallet", base, transport, telemetry=telemetry)
        await client.request("POST", "/pay", body=b"{}")
        answer = await client.request("POST", "/pay", body=b"{}", retryable=True)
        with pytest.raises(ConnectionLost):
            await client.request("POST", "/pay", body=b"{}")

    assert answer.status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can make a socket deaf")
async def test_a_kept_connection_to_a_machine_that_is_gone_is_given_up(
    transport: AiohttpTransport, serve: Serve, telemetry: Telemetry
) -> None:
    async def die_after_the_first(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connections.append(writer)
        await read_request(reader)
        if len(connections) == 1:
            make_deaf(writer)
        writer.write(ANSWER)
        await answer_all(reader, writer)

    connections: list[asyncio.StreamWriter] = []
    async with serve(die_after_the_first) as base:
        client = ServiceClient("wallet", base, transport, telemetry=telemetry, timeout=30.0)
        await client.request("POST", "/pay", body=b"{}")
        answer = await client.request("POST", "/pay", body=b"{}", retryable=True)

    # Had it waited for an answer in vain, the outcome would be unknown, and no other asked.
    assert (answer.status, len(connections)) == (200, 2)


async def test_connections_are_kept_and_now_and_then_given_up(serve: Serve) -> None:
    connections = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answer_all(reader, writer)

    transport = AiohttpTransport(recycle_every=5)
    async with serve(script) as base:
        for _ in range(15):
            await transport.send(post(base))
        await transport.close()

    assert connections == 3


async def test_a_stream_is_read_piece_by_piece(transport: AiohttpTransport, serve: Serve) -> None:
    go_on = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await go_on.wait()
        writer.write(b"3\r\ntwo\r\n0\r\n\r\n")

    async with serve(script) as base, transport.stream(post(base)) as answer:
        assert answer.status == 200
        assert await anext(answer.chunks) == b"one"
        go_on.set()
        assert [chunk async for chunk in answer.chunks] == [b"two"]


async def test_a_stream_that_breaks_off_says_so(transport: AiohttpTransport, serve: Serve) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")

    async with serve(script) as base, transport.stream(post(base)) as answer:
        with pytest.raises(ConnectionLost):
            [chunk async for chunk in answer.chunks]


async def test_leaving_a_stream_closes_its_connection(
    transport: AiohttpTransport, serve: Serve
) -> None:
    closed = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await reader.read()
        closed.set()

    async with serve(script) as base:
        async with transport.stream(post(base)) as answer:
            assert await anext(answer.chunks) == b"one"
        await asyncio.wait_for(closed.wait(), 5)


async def test_the_head_of_a_stream_must_come_in_time(
    transport: AiohttpTransport, serve: Serve
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serve(script) as base:
        with pytest.raises(ResponseTimeout):
            async with transport.stream(post(base, timeout=0.1)):
                pass


async def test_a_closed_transport_sends_nothing(transport: AiohttpTransport, serve: Serve) -> None:
    async with serve(answer_all) as base:
        await transport.send(post(base))
        await transport.close()
        with pytest.raises(Unreachable):
            await transport.send(post(base))


def test_both_transports_are_transports(transport: AiohttpTransport) -> None:
    carrier: Transport = transport

    assert carrier is transport
