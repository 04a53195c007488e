"""Rates, sizes, media types and what is in flight."""

import asyncio

import pytest
from starlette.types import Message, Receive, Scope, Send
from tests.api_gateway.harness import Client, Gateway, MakeGateway, answer, problem, until

from api_gateway.errors import RateLimited
from api_gateway.rate_limit import RateLimit

MEBIBYTE = 1024 * 1024


async def test_every_answer_to_a_key_tells_the_limit(gateway: Gateway) -> None:
    gateway.services["fx"].status = 404
    refused = gateway.add_key("other", "read")
    gateway.reload()
    answers = [
        await gateway.get("/rates"),
        await gateway.get("/payments"),
        await gateway.post("/payments", key=refused),
        await gateway.post("/payments", headers={"Content-Type": "text/plain"}),
    ]

    assert [a.status for a in answers] == [404, 200, 403, 415]
    assert {a.headers["ratelimit-policy"] for a in answers} == {'"merchant";q=200;w=1'}
    assert answers[0].headers["ratelimit"] == '"merchant";r=199;t=1'


async def test_a_merchant_beyond_its_rate_is_429_and_others_are_not(
    make_gateway: MakeGateway,
) -> None:
    gateway = make_gateway(rate_limit="3/hour")
    other = gateway.add_key("other", "read")
    async with gateway.transport:
        statuses = [(await gateway.get("/rates")).status for _ in range(3)]
        refused = await gateway.get("/rates")

        assert statuses == [200, 200, 200]
        problem(refused, 429, "rate_limited")
        assert refused.headers["ratelimit-policy"] == '"merchant";q=3;w=3600'
        assert refused.headers["ratelimit"] == '"merchant";r=0;t=3600'
        assert 1190 <= int(refused.headers["retry-after"]) <= 1200
        assert (await gateway.get("/rates", key=other)).status == 200
    assert len(gateway.services["fx"].arrived) == 4
    assert gateway.telemetry.registry.get_sample_value(
        "kurs_gateway_refusals_total", {"code": "rate_limited"}
    )


async def test_a_key_may_have_a_rate_of_its_own(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(rate_limit="1/hour")
    fast = gateway.add_key("fast", "read", rate="3/minute")
    async with gateway.transport:
        answers = [await gateway.get("/rates", key=fast) for _ in range(4)]

        assert [a.status for a in answers] == [200, 200, 200, 429]
        assert answers[0].headers["ratelimit-policy"] == '"key";q=3;w=60'
        assert [(await gateway.get("/rates")).status for _ in range(2)] == [200, 429]


async def test_the_keys_of_a_merchant_share_its_rate(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(rate_limit="3/hour")
    second = gateway.add_key("shop", "read")
    async with gateway.transport:
        keys = [gateway.key, second, gateway.key, second, gateway.key]
        assert [(await gateway.get("/rates", key=key)).status for key in keys] == [
            *(200, 200, 200, 429, 429)
        ]


def test_what_was_used_comes_back_at_the_rate() -> None:
    now = [100.0]
    limit = RateLimit("2/minute", now=lambda: now[0])
    limit.hit("shop", "k")
    assert dict(limit.hit("shop", "k").fields)["RateLimit"] == '"merchant";r=0;t=60'
    with pytest.raises(RateLimited) as caught:
        limit.hit("shop", "k")
    assert caught.value.headers["Retry-After"] == "30"

    now[0] += 29.5
    with pytest.raises(RateLimited) as caught:
        limit.hit("shop", "k")
    assert caught.value.headers["Retry-After"] == "1"

    now[0] += 0.5
    assert dict(limit.hit("shop", "k").fields)["RateLimit"] == '"merchant";r=0;t=60'
    now[0] += 60
    assert dict(limit.hit("shop", "k").fields)["RateLimit"] == '"merchant";r=1;t=30'


def test_a_quota_for_a_second_is_spread_over_it() -> None:
    limit = RateLimit("200/second", now=lambda: 100.0)

    waits = [limit.hit("shop", "k").wait for _ in range(200)]

    assert waits[:20] == [0.0] * 20
    assert waits[20:] == pytest.approx([0.005 * n for n in range(1, 181)])
    with pytest.raises(RateLimited):
        limit.hit("shop", "k")


@pytest.mark.parametrize("text", ["5/second", "3/hour", "6000/minute"])
def test_what_is_few_or_for_longer_is_not_spread(text: str) -> None:
    limit = RateLimit(text, now=lambda: 100.0)

    assert [limit.hit("shop", "k").wait for _ in range(3)] == [0.0] * 3


async def test_a_body_at_the_limit_passes_and_one_beyond_is_413(gateway: Gateway) -> None:
    passed = await gateway.post("/payments", b"x" * MEBIBYTE)
    refused = await gateway.post("/payments", b"x" * (MEBIBYTE + 1))

    assert passed.status == 200
    problem(refused, 413, "payload_too_large")
    assert len(gateway.services["payments"].arrived) == 1


async def test_a_body_is_counted_whatever_its_length_says(gateway: Gateway) -> None:
    client = Client(gateway.app, "POST", "/payments", _headers(gateway, "Content-Length", "10"))

    document = problem(await client.run(_endless(b"x" * 65536)), 413, "payload_too_large")

    assert "1048576 bytes" in document["detail"]
    assert gateway.arrivals() == 0


async def test_a_chunked_body_without_end_is_refused_as_soon_as_it_is_too_large(
    gateway: Gateway,
) -> None:
    read = 0

    async def receive() -> Message:
        nonlocal read
        read += 65536
        assert answered or read <= MEBIBYTE + 65536
        return {"type": "http.request", "body": b"x" * 65536, "more_body": True}

    headers = _headers(gateway, "Transfer-Encoding", "chunked")
    client = Client(gateway.app, "POST", "/payments", headers)
    answered = client.sent

    refused = await client.run(receive)

    problem(refused, 413, "payload_too_large")
    assert dict(refused.raw_headers)[b"connection"] == b"close"
    assert read < 20 * MEBIBYTE


async def test_a_body_that_stops_arriving_is_408(make_gateway: MakeGateway) -> None:
    gateway = make_gateway(body_seconds=0.05)
    first = [b'{"amount"']

    async def receive() -> Message:
        if not first:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": first.pop(), "more_body": True}

    async with gateway.transport:
        headers = _headers(gateway, "Content-Length", "100")
        client = Client(gateway.app, "POST", "/payments", headers)
        problem(await client.run(receive), 408, "body_too_slow")
    assert gateway.arrivals() == 0


async def test_a_client_that_leaves_within_its_body_causes_nothing(gateway: Gateway) -> None:
    messages: list[Message] = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": b"{", "more_body": True},
    ]

    async def receive() -> Message:
        return messages.pop()

    client = Client(gateway.app, "POST", "/payments", _headers(gateway, "Content-Length", "2"))
    await client.call(receive)

    assert client.sent == []
    assert gateway.arrivals() == 0


@pytest.mark.parametrize(
    "media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"]
)
async def test_a_body_that_is_not_json_is_415(gateway: Gateway, media_type: str) -> None:
    refused = await gateway.post("/payments", headers={"Content-Type": media_type})

    document = problem(refused, 415, "unsupported_media_type")
    assert "application/json" in document["detail"]
    assert gateway.arrivals() == 0


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON ; charset=utf-8"])
async def test_json_is_recognised_with_parameters(gateway: Gateway, media_type: str) -> None:
    answer = await gateway.post("/payments", headers={"Content-Type": media_type})

    assert answer.status == 200


async def test_an_action_needs_no_body_and_then_no_media_type(gateway: Gateway) -> None:
    answer = await gateway.send("POST", "/payments/p-1/void")

    assert answer.status == 200
    assert gateway.services["payments"].arrived[0].body == b""


async def test_a_get_takes_no_body(gateway: Gateway) -> None:
    problem(await gateway.send("GET", "/rates", body=b"{}"), 400, "unexpected_body")

    assert gateway.arrivals() == 0


async def test_beyond_the_in_flight_limit_requests_are_shed_and_probes_are_not(
    make_gateway: MakeGateway,
) -> None:
    gateway = make_gateway(max_requests=2)
    other = gateway.add_key("other", "pay")
    gateway.reload()
    release = asyncio.Event()

    async def held(_: Scope, __: Receive, send: Send) -> None:
        await release.wait()
        await answer(send, 200, b"{}")

    gateway.services["payments"].handle = held
    async with gateway.transport:
        waiting = [asyncio.create_task(gateway.post("/payments"))]
        await until(gateway.arrivals)
        problem(await gateway.post("/payments"), 429, "share_used")
        waiting.append(asyncio.create_task(gateway.post("/payments", key=other)))
        await until(lambda: gateway.arrivals() == 2)

        shed = await gateway.post("/payments")
        probe = await gateway.get("/readyz", key=None)
        metrics = (await gateway.get("/metrics", key=None)).body.decode()
        release.set()

        problem(shed, 503, "overloaded")
        assert shed.headers["retry-after"] == "1"
        assert probe.status == 200
        assert "kurs_gateway_in_flight 2.0" in metrics
        assert [a.status for a in await asyncio.gather(*waiting)] == [200, 200]
        assert (await gateway.post("/payments")).status == 200


def _headers(gateway: Gateway, name: str, value: str) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {gateway.key}",
        "Content-Type": "application/json",
        name: value,
    }


def _endless(chunk: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": chunk, "more_body": True}

    return receive
