"""Server-sent events through the gateway: piece by piece, and ended when one side leaves."""

import asyncio
from contextlib import AbstractAsyncContextManager

import pytest
from multidict import CIMultiDict
from starlette.types import Receive, Scope, Send
from tests.api_gateway.harness import GATEWAY, Gateway, MakeGateway, problem, until

from kurs.calls import Request, StreamedResponse
from kurs.kernel.clock import to_rfc3339
from kurs_testing.asgi import FaultKind
from kurs_testing.clock import ManualClock

PAYMENTS = "http://payments.test"


class EventSource:
    """A service whose stream gives what a test pushes, and notes when its client leaves."""

    def __init__(self) -> None:
        self.pushed: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.opened = 0
        self.left = asyncio.Event()

    async def handle(self, _: Scope, receive: Receive, send: Send) -> None:
        """Answer with a stream until None is pushed or the client leaves."""
        self.opened += 1
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        watching = asyncio.create_task(self._watch(receive))
        while (chunk := await self.pushed.get()) is not None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        watching.cancel()
        if not self.left.is_set():
            await send({"type": "http.response.body", "body": b""})

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()
        self.pushed.put_nowait(None)


def _source(gateway: Gateway) -> EventSource:
    source = EventSource()
    gateway.services["payments"].handle = source.handle
    return source


def _stream(gateway: Gateway, **headers: str) -> AbstractAsyncContextManager[StreamedResponse]:
    named = CIMultiDict({"Authorization": f"Bearer {gateway.key}", **headers})
    return gateway.transport.stream(Request("GET", f"{GATEWAY}/payments/events", named))


async def test_each_event_arrives_as_soon_as_it_is_sent(gateway: Gateway) -> None:
    source = _source(gateway)

    async with asyncio.timeout(60), _stream(gateway) as answer:
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["ratelimit-policy"] == '"merchant";q=200;w=1'
        chunks = answer.chunks.__aiter__()
        for event in (b"id: 1\ndata: a\n\n", b": keep-alive\n\n", b"id: 2\ndata: b\n\n"):
            source.pushed.put_nowait(event)
            assert await anext(chunks) == event


async def test_reconnecting_says_where_it_stopped(gateway: Gateway) -> None:
    source = _source(gateway)
    source.pushed.put_nowait(None)

    async with _stream(gateway, **{"Last-Event-ID": "41"}) as answer:
        assert [chunk async for chunk in answer.chunks] == []

    arrived = gateway.services["payments"].arrived[0]
    assert arrived.header("Last-Event-ID") == "41"
    assert arrived.header("X-Kurs-Merchant") == "shop"
    assert arrived.header("X-Request-Deadline") is None


async def test_a_client_that_leaves_ends_the_stream_at_the_service(gateway: Gateway) -> None:
    source = _source(gateway)

    async with asyncio.timeout(60):
        async with _stream(gateway) as answer:
            source.pushed.put_nowait(b"data: a\n\n")
            await anext(answer.chunks.__aiter__())

        await source.left.wait()
        await _until_streams(gateway, 0)


async def test_a_service_that_breaks_off_ends_the_stream_for_the_client(gateway: Gateway) -> None:
    async def break_off(_: Scope, __: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: a\n\n", "more_body": True})

    gateway.services["payments"].handle = break_off

    async with asyncio.timeout(60), _stream(gateway) as answer:
        assert [chunk async for chunk in answer.chunks] == [b"data: a\n\n"]
    await _until_streams(gateway, 0)


async def test_a_draining_gateway_ends_its_streams(gateway: Gateway) -> None:
    source = _source(gateway)

    async with asyncio.timeout(60), _stream(gateway) as answer:
        source.pushed.put_nowait(b"data: a\n\n")
        chunks = answer.chunks.__aiter__()
        await anext(chunks)
        gateway.app.state.draining = True

        assert [chunk async for chunk in chunks] == []
        await source.left.wait()


@pytest.mark.parametrize("end", ["revoked", "expired", "another role", "another secret"])
async def test_a_stream_ends_within_a_second_of_its_key(
    make_gateway: MakeGateway, end: str
) -> None:
    clock = ManualClock()
    gateway = make_gateway(clock=clock)
    gateway.key = gateway.add_key(
        "shop", "read", not_after=to_rfc3339(clock.now() + 60 * 1_000_000)
    )
    gateway.reload()
    source = _source(gateway)
    async with gateway.transport, asyncio.timeout(60), _stream(gateway) as answer:
        source.pushed.put_nowait(b"data: a\n\n")
        chunks = answer.chunks.__aiter__()
        await anext(chunks)
        entry = gateway.entries.pop()
        if end == "expired":
            clock.advance(seconds=60)
        elif end == "another role":
            gateway.entries.append(entry.model_copy(update={"roles": ("pay",)}))
        elif end == "another secret":
            gateway.entries.append(entry.model_copy(update={"sha256": "0" * 64}))
        gateway.write_keys()

        assert [chunk async for chunk in chunks] == []
        await source.left.wait()


async def test_a_stream_goes_on_when_other_keys_change(gateway: Gateway) -> None:
    source = _source(gateway)

    async with asyncio.timeout(60), _stream(gateway) as answer:
        chunks = answer.chunks.__aiter__()
        source.pushed.put_nowait(b"data: a\n\n")
        await anext(chunks)
        gateway.add_key("shop", "read")
        gateway.reload()
        await asyncio.sleep(0.5)
        source.pushed.put_nowait(b"data: b\n\n")
        assert await anext(chunks) == b"data: b\n\n"


async def test_a_gateway_that_drains_opens_no_stream(gateway: Gateway) -> None:
    source = _source(gateway)
    gateway.app.state.draining = True

    answer = await gateway.get("/payments/events")

    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "1"
    assert source.opened == 0


async def test_a_stream_whose_key_goes_while_it_opens_has_an_answer(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _source(gateway)
    monkeypatch.setattr("api_gateway.authentication.Authenticator.still_in_force", lambda *_: False)

    async with asyncio.timeout(60), _stream(gateway) as answer:
        assert answer.status == 200
        assert [chunk async for chunk in answer.chunks] == []
    await source.left.wait()


async def test_a_stream_that_cannot_begin_is_a_problem(gateway: Gateway) -> None:
    gateway.transport.inject(PAYMENTS, FaultKind.UNREACHABLE)

    problem(await gateway.get("/payments/events"), 503, "upstream_unavailable")


async def test_a_refusal_of_the_service_is_relayed(gateway: Gateway) -> None:
    payments = gateway.services["payments"]
    payments.status, payments.body = 422, b'{"code":"validation_failed"}'

    answer = await gateway.get("/payments/events")

    assert (answer.status, answer.body) == (422, payments.body)


async def test_streams_have_a_limit_of_their_own(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(max_streams=1, max_requests=1)
    source = _source(gateway)
    async with gateway.transport, asyncio.timeout(60):
        async with _stream(gateway) as answer:
            source.pushed.put_nowait(b"data: a\n\n")
            await anext(answer.chunks.__aiter__())

            problem(await gateway.get("/payments/events"), 503, "overloaded")
            assert (await gateway.get("/rates")).status == 200
        await _until_streams(gateway, 0)


async def _until_streams(gateway: Gateway, number: int) -> None:
    read = gateway.telemetry.registry.get_sample_value
    await until(lambda: read("kurs_gateway_streams") == number)


async def test_a_merchant_exports_two_lists_at_once_and_follows_events_meanwhile(
    gateway: Gateway,
) -> None:
    source = _source(gateway)

    async def export(answered: asyncio.Queue[int]) -> None:
        named = CIMultiDict({"Authorization": f"Bearer {gateway.key}"})
        request = Request("GET", f"{GATEWAY}/payments.csv", named)
        async with gateway.transport.stream(request) as answer:
            answered.put_nowait(answer.status)
            await asyncio.Event().wait()

    answered: asyncio.Queue[int] = asyncio.Queue()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(export(answered)) for _ in range(2)]
        assert [await answered.get(), await answered.get()] == [200, 200]
        refused = await gateway.get("/payments.csv")
        problem(refused, 429, "share_used")
        assert refused.headers["Retry-After"] == "1"
        async with _stream(gateway) as events:
            assert events.status == 200
        for each in running:
            each.cancel()
    assert source.opened == 3
