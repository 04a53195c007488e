"""Apps joined in one process behave as behind sockets, and fail as told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from multidict import CIMultiDict
from starlette.types import Receive, Scope, Send

from kurs.calls import (
    BreakerState,
    ConnectionLost,
    ResponseTimeout,
    ServiceClient,
    Transport,
    Unreachable,
)
from kurs.calls import Request as Call
from kurs.telemetry import Telemetry
from kurs_testing.asgi import AsgiTransport, FaultKind

BASE = "http://wallet:8083"
colour: ContextVar[str] = ContextVar("colour", default="none")


class Echo:
    """An app that answers what it was asked, and remembers how often."""

    def __init__(self) -> None:
        self.handled = 0
        self.running = False
        self.left = asyncio.Event()
        self.app = FastAPI(lifespan=self._lifespan)
        self.app.post("/echo")(self.echo)
        self.app.get("/colour")(self.colour)
        self.app.get("/endless")(self.endless)
        self.app.get("/broken")(self.broken)

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[dict[str, str]]:
        self.running = True
        yield {"opened": "yes"}
        self.running = False

    async def echo(self, request: Request) -> dict[str, object]:
        body = await request.body()
        self.handled += 1
        return {
            "url": str(request.url),
            "body": body.decode(),
            "twice": request.headers.getlist("x-twice"),
            "length": request.headers["content-length"],
            "opened": request.state.opened,
        }

    async def colour(self) -> str:
        return colour.get()

    async def endless(self) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"tick"
                    await asyncio.sleep(0)
            finally:
                self.left.set()

        return StreamingResponse(pieces())

    async def broken(self) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"tick"
            raise LookupError("half way")

        return StreamingResponse(pieces())


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
async def network(echo: Echo) -> AsyncIterator[AsgiTransport]:
    async with AsgiTransport({BASE: echo.app}) as transport:
        yield transport


def post(timeout: float = 5.0) -> Call:
    headers = CIMultiDict([("X-Twice", "a"), ("X-Twice", "b")])
    return Call("POST", f"{BASE}/echo?a=%20b", headers, b"hello", timeout)


async def test_a_request_arrives_as_over_a_socket(network: AsgiTransport, echo: Echo) -> None:
    answer = await network.send(post())

    assert answer.status == 200
    assert answer.json() == {
        "url": f"{BASE}/echo?a=%20b",
        "body": "hello",
        "twice": ["a", "b"],
        "length": "5",
        "opened": "yes",
    }
    assert answer.headers["Content-Type"] == "application/json"
    assert [request.url for request in network.requests] == [f"{BASE}/echo?a=%20b"]


async def test_lifespans_begin_and_end_with_the_transport(echo: Echo) -> None:
    async with AsgiTransport({BASE: echo.app}):
        assert echo.running
    assert not echo.running


async def test_what_keeps_an_app_from_starting_is_raised() -> None:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        raise LookupError("no database")
        yield

    with pytest.raises(LookupError, match="no database"):
        async with AsgiTransport({BASE: FastAPI(lifespan=lifespan)}):
            pass


async def test_an_app_without_a_lifespan_is_served() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})

    async with AsgiTransport({BASE: app}) as network:
        assert (await network.send(Call("GET", BASE))).status == 204


async def test_the_callers_context_does_not_leak_into_the_app(network: AsgiTransport) -> None:
    colour.set("red")

    assert (await network.send(Call("GET", f"{BASE}/colour"))).json() == "none"


async def test_an_unknown_address_is_unreachable(network: AsgiTransport) -> None:
    with pytest.raises(Unreachable):
        await network.send(Call("GET", "http://nowhere/"))


@pytest.mark.parametrize(
    ("kind", "timeout", "error", "handled"),
    [
        (FaultKind.UNREACHABLE, 5.0, Unreachable, 0),
        (FaultKind.LOSE_REQUEST, 5.0, ConnectionLost, 0),
        (FaultKind.LOSE_ACKNOWLEDGEMENT, 5.0, ConnectionLost, 1),
        (FaultKind.HANG, 0.05, ResponseTimeout, 0),
        (FaultKind.DELAY, 0.05, ResponseTimeout, 1),
    ],
)
async def test_each_fault_says_what_may_have_happened(
    network: AsgiTransport,
    echo: Echo,
    kind: FaultKind,
    timeout: float,
    error: type[Exception],
    handled: int,
) -> None:
    network.inject(BASE, kind, times=1, seconds=0.1)

    with pytest.raises(error):
        await network.send(post(timeout))
    await network.settle()
    assert echo.handled == handled
    assert (await network.send(post())).status == 200


async def test_a_fault_strikes_only_what_it_matches(network: AsgiTransport) -> None:
    network.inject(BASE, FaultKind.UNREACHABLE, matches=lambda call: call.method == "GET")

    assert (await network.send(post())).status == 200
    with pytest.raises(Unreachable):
        await network.send(Call("GET", f"{BASE}/colour"))
    network.heal(BASE)
    assert (await network.send(Call("GET", f"{BASE}/colour"))).status == 200


async def test_a_stream_is_endless_until_its_reader_leaves(
    network: AsgiTransport, echo: Echo
) -> None:
    async with network.stream(Call("GET", f"{BASE}/endless")) as answer:
        assert answer.status == 200
        assert [await anext(answer.chunks) for _ in range(3)] == [b"tick"] * 3
    await asyncio.wait_for(echo.left.wait(), 5)


async def test_an_answer_that_an_app_breaks_off_is_lost(network: AsgiTransport) -> None:
    with pytest.raises(ConnectionLost):
        await network.send(Call("GET", f"{BASE}/broken"))
    await network.settle()
    assert [str(error) for error in network.errors] == ["half way"]


async def test_a_stream_through_the_client_is_guarded_like_any_call(
    network: AsgiTransport, telemetry: Telemetry
) -> None:
    client = ServiceClient("wallet", BASE, network, telemetry=telemetry)
    async with client.stream("GET", "/endless") as answer:
        assert await anext(answer.chunks) == b"tick"
    assert "X-Request-Deadline" not in network.requests[0].headers

    network.inject(BASE, FaultKind.UNREACHABLE)
    for _ in range(12):
        with pytest.raises(Unreachable):
            async with client.stream("GET", "/endless"):
                pass
    assert client.breaker.state is BreakerState.OPEN


async def test_an_error_of_a_streams_reader_is_no_failure_of_the_target(
    network: AsgiTransport, telemetry: Telemetry
) -> None:
    client = ServiceClient("wallet", BASE, network, telemetry=telemetry)
    for _ in range(12):
        with pytest.raises(ConnectionLost):
            async with client.stream("GET", "/endless"):
                raise ConnectionLost("browser", "gone")
    assert client.breaker.state is BreakerState.CLOSED


async def test_it_is_a_transport(network: AsgiTransport) -> None:
    carrier: Transport = network
    await carrier.close()

    assert (await carrier.send(post())).status == 200
