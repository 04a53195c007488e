"""Whoever reaches a service's port without the key of an edge moves nothing and learns nothing."""

import json
from collections.abc import AsyncIterator, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from fastapi.routing import APIRoute
from multidict import CIMultiDict

from kurs.calls import Request, Response
from kurs.edges import EDGE_HEADER, EDGES, Signer
from kurs.edges.guard import OPEN_PATHS
from kurs.kernel.clock import MICROS
from kurs_testing.clock import ManualClock
from kurs_testing.edges import EdgeSigning, caller_for, key_of
from kurs_testing.joined import SERVICES, JoinedGateway

pytestmark = pytest.mark.asyncio(loop_scope="module")
CALLER = {
    "X-Kurs-Merchant": "demo",
    "X-Kurs-Key-Id": "k1",
    "X-Kurs-Roles": "pay,refund,read,review,webhooks,treasury,audit",
}
NOTHING = {
    "items": [
        {
            "kind": "post",
            "transfer_id": "x1",
            "merchant": "m2",
            "postings": [
                {"account_id": "house:liquidity", "currency": "USD", "amount_minor": -100_000_000},
                {"account_id": "alice", "currency": "USD", "amount_minor": 100_000_000},
            ],
        }
    ]
}
_OTHER_KEY = b"another-key-of-thirty-two-bytes-or-more"
_NOW, _MAC = ManualClock().now(), "0" * 64


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[JoinedGateway]:
    """Six apps on a clock that stands still, and an account with money."""
    samples = Path(__file__).parents[1] / "data" / "resources"
    folder = tmp_path_factory.mktemp("kurs")
    async with JoinedGateway(folder, samples, clock=ManualClock()) as joined:
        await joined.open_and_fund("alice", USD="100.00")
        await joined.open_and_fund("bob")
        yield joined


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield each method and template that an app has, its document included."""
    yield "GET", "/openapi.json"
    routers = [route.original_router for route in app.routes if hasattr(route, "original_router")]
    assert len(routers) > 1
    for route in (route for router in routers for route in router.routes):
        assert isinstance(route, APIRoute), "a kind of route that this does not see"
        if route.path not in OPEN_PATHS:
            yield from ((method, route.path) for method in sorted(route.methods))


def target_of(template: str) -> str:
    return (
        template.replace("{payment_id}", "p1")
        .replace("{account_id}", "alice")
        .replace("{transfer_id}", "x1")
        .replace("{chain}", "0")
        .replace("{delivery_id}", "d.1")
        .replace("{destination}", "d")
    )


def targets(gateway: JoinedGateway) -> Iterator[tuple[str, str, str]]:
    """Yield service, method and target of everything that a service could be asked."""
    for service in SERVICES:
        for method, template in routes(gateway.apps[service]):
            yield service, method, target_of(template)
            yield service, "HEAD", target_of(template)
            yield service, "OPTIONS", target_of(template)
        for unknown in ("/", "/nothing", "/docs", "/healthz/", "/metrics/x", "//readyz"):
            yield service, "GET", unknown
            yield service, "POST", unknown


def forged(service: str, method: str, target: str, body: bytes | None) -> Iterator[Any]:
    """Yield a name and the headers of what somebody without a key could send."""
    caller = caller_for(service, method, target)
    right = sha256(body or b"").hexdigest()
    yield "nothing", {}
    yield "only who calls", CALLER
    for name, value in {
        "an empty header": "",
        "a name": caller,
        "a made up MAC": f"v1 {caller} {_NOW} 0123456789abcdef {right} {_MAC}",
        "two made up MACs": f"v1 {caller} {_NOW} 0123456789abcdef {right} {_MAC},{_MAC}",
        "a stranger": f"v1 nobody {_NOW} 0123456789abcdef {right} {_MAC}",
        "the service itself": f"v1 {service} {_NOW} 0123456789abcdef {right} {_MAC}",
        "another version": f"v0 {caller} {_NOW} 0123456789abcdef {right} {_MAC}",
    }.items():
        yield name, {**CALLER, EDGE_HEADER: value}
    for name, edge in {
        "another key": (caller, service),
        "another's edge": (caller, "other"),
    }.items():
        headers: CIMultiDict[str] = CIMultiDict(CALLER)
        keys = (_OTHER_KEY,) if name == "another key" else key_of((caller, service))
        Signer(*edge, lambda keys=keys: keys, ManualClock()).sign(method, target, headers, body)
        yield name, headers


async def send(
    gateway: JoinedGateway, service: str, method: str, target: str, headers: Any, body: bytes | None
) -> Response:
    """Send a request as it is, unsigned."""
    request = Request(method, SERVICES[service] + target, CIMultiDict(headers), body)
    return await gateway.transport.send(request)


async def world(gateway: JoinedGateway) -> list[Any]:
    """Return what must not change: the ledger's sums, a balance, and the payments."""
    return [
        await gateway.sums(),
        await gateway.balance("alice", "USD"),
        (await gateway.call("GET", "/payments")).json(),
    ]


async def test_every_route_refuses_every_forged_header(gateway: JoinedGateway) -> None:
    before = await world(gateway)
    asked = 0
    for service, method, target in targets(gateway):
        body = json.dumps(NOTHING).encode() if method == "POST" else None
        for name, headers in forged(service, method, target, body):
            answer = await send(gateway, service, method, target, headers, body)
            asked += 1
            assert answer.status == 401, (service, method, target, name, answer.body)
            if method != "HEAD":
                assert answer.json()["code"] == "edge_invalid"
    assert asked > 1000
    assert await world(gateway) == before


async def test_a_million_from_nothing_is_refused(gateway: JoinedGateway) -> None:
    before = await world(gateway)
    body = json.dumps(NOTHING).encode()

    bare = await send(gateway, "wallet", "POST", "/transfers/batch", {}, body)
    headers: CIMultiDict[str] = CIMultiDict(CALLER)
    signing = EdgeSigning(gateway.clock)
    signing.sign("wallet", "POST", "/transfers/batch", headers, body, caller="api-gateway")
    by_the_gateway = await send(gateway, "wallet", "POST", "/transfers/batch", headers, body)

    assert (bare.status, bare.json()["code"]) == (401, "edge_invalid")
    assert (by_the_gateway.status, by_the_gateway.json()["code"]) == (403, "edge_forbidden")
    assert await world(gateway) == before


async def test_an_edge_may_use_its_routes_and_no_other(gateway: JoinedGateway) -> None:
    for caller, service in EDGES:
        allowed = {(r.method, r.template) for r in EDGES[caller, service]}
        others = [r for r in routes(gateway.apps[service]) if r not in allowed]
        for method, template in [*others, ("GET", "/nothing"), ("HEAD", "/openapi.json")]:
            target, headers = target_of(template), CIMultiDict(CALLER)
            EdgeSigning(gateway.clock).sign(service, method, target, headers, None, caller=caller)
            answer = await send(gateway, service, method, target, headers, None)
            assert answer.status == 403, (caller, service, method, template)
            assert method == "HEAD" or answer.json()["code"] == "edge_forbidden"


async def test_the_table_names_every_route_of_every_service(gateway: JoinedGateway) -> None:
    for service in SERVICES:
        known = set(routes(gateway.apps[service]))
        named = {
            (r.method, r.template) for edge in EDGES if edge[1] == service for r in EDGES[edge]
        }
        assert named == known


PAY = {
    "payment_id": "signed-1",
    "amount": "1.00",
    "currency": "USD",
    "source_account": "alice",
    "destination_account": "bob",
}


def signed(gateway: JoinedGateway, target: str, body: bytes, **more: str) -> CIMultiDict[str]:
    """Return the headers of a payment as the gateway sends it."""
    headers = CIMultiDict({**CALLER, "Content-Type": "application/json", **more})
    EdgeSigning(gateway.clock).sign("payments", "POST", target, headers, body)
    return headers


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Kurs-Merchant", "shop"),
        ("X-Kurs-Merchant", None),
        ("X-Kurs-Key-Id", "k2"),
        ("X-Kurs-Roles", "pay"),
        ("X-Kurs-Roles", ""),
        ("X-Kurs-Roles", None),
        ("Idempotency-Key", "another"),
        ("Idempotency-Key", None),
    ],
)
async def test_an_altered_header_is_refused(
    gateway: JoinedGateway, header: str, value: str | None
) -> None:
    body = json.dumps(PAY).encode()
    headers = signed(gateway, "/payments", body, **{"Idempotency-Key": "mine"})
    del headers[header]
    if value is not None:
        headers[header] = value
    answer = await send(gateway, "payments", "POST", "/payments", headers, body)
    assert (answer.status, answer.json()["code"]) == (401, "edge_invalid")


@pytest.mark.parametrize("header", [*CALLER, "Idempotency-Key", EDGE_HEADER])
async def test_a_header_that_is_there_twice_is_refused(gateway: JoinedGateway, header: str) -> None:
    body = json.dumps(PAY).encode()
    headers = signed(gateway, "/payments", body, **{"Idempotency-Key": "mine"})
    headers.add(header, headers[header])
    answer = await send(gateway, "payments", "POST", "/payments", headers, body)
    assert (answer.status, answer.json()["code"]) == (401, "edge_invalid")


async def test_an_altered_request_line_or_body_is_refused(gateway: JoinedGateway) -> None:
    body = json.dumps(PAY).encode()
    headers = signed(gateway, "/payments", body)
    altered = (
        ("POST", "/payments?x=1", body),
        ("POST", "/%70ayments", body),
        ("GET", "/payments", body),
        ("POST", "/payments", body.replace(b"1.00", b"9.00")),
        ("POST", "/payments", body + b" "),
        ("POST", "/payments", b""),
    )
    for method, target, content in altered:
        answer = await send(gateway, "payments", method, target, headers, content)
        assert (answer.status, answer.json()["code"]) == (401, "edge_invalid"), target


@pytest.mark.parametrize(("seconds", "side"), [(-31, "behind"), (31, "ahead of")])
async def test_a_clock_that_is_off_is_told_and_counted(
    gateway: JoinedGateway, seconds: int, side: str
) -> None:
    body, headers = json.dumps(PAY).encode(), CIMultiDict(CALLER)
    clock = ManualClock(gateway.clock.now() + seconds * MICROS)
    EdgeSigning(clock).sign("payments", "POST", "/payments", headers, body)
    answer = await send(gateway, "payments", "POST", "/payments", headers, body)
    error = answer.json()["errors"][0]
    assert answer.status == 401
    assert error["message"] == f"it was signed 31 s {side} this service's clock"
    assert "NTP" in error["hint"]
    text = (await send(gateway, "payments", "GET", "/metrics", {}, None)).body.decode()
    assert 'kurs_edge_refusals_total{reason="time"}' in text


async def test_a_role_that_the_gateway_did_not_ask_for_is_asked_for_again(
    gateway: JoinedGateway,
) -> None:
    for (caller, service), permitted in EDGES.items():
        for route in (r for r in permitted if r.role is not None):
            target = target_of(route.template)
            headers = CIMultiDict({**CALLER, "X-Kurs-Roles": f"not-{route.role},x{route.role}"})
            EdgeSigning(gateway.clock).sign(
                service, route.method, target, headers, None, caller=caller
            )
            answer = await send(gateway, service, route.method, target, headers, None)
            assert (answer.status, answer.json()["code"]) == (403, "forbidden"), route


async def test_what_was_signed_once_and_is_replayed_is_paid_once(gateway: JoinedGateway) -> None:
    body = json.dumps(PAY).encode()
    nameless = json.dumps({k: v for k, v in PAY.items() if k != "payment_id"}).encode()
    before = await gateway.balance("alice", "USD")
    headers = signed(gateway, "/payments", body)

    first = await send(gateway, "payments", "POST", "/payments", headers, body)
    again = await send(gateway, "payments", "POST", "/payments", headers, body)
    for _ in range(2):
        own = signed(gateway, "/payments", nameless)
        answer = await send(gateway, "payments", "POST", "/payments", own, nameless)
        assert answer.status == 400

    assert (first.status, again.status) == (200, 200)
    assert first.body == again.body
    assert float(before) - float(await gateway.balance("alice", "USD")) == 1.0
