"""Which paths exist, where they lead, and which role they need."""

import re

import pytest
from tests.api_gateway.harness import Gateway, problem

from api_gateway.errors import UnsafePath
from api_gateway.route_table import ROUTES, SERVICES, Route, RouteTable
from kurs.kernel.roles import ROLES

EXPECTED = """
POST /payments                      payments pay
GET  /payments                      payments read
GET  /payments.csv                  payments read
GET  /payments/events               payments read
GET  /payments/{payment_id}         payments read
POST /payments/{payment_id}/capture payments pay
POST /payments/{payment_id}/void    payments pay
POST /payments/{payment_id}/refunds payments refund
GET  /payments/{payment_id}/refunds payments read
GET  /payments/{payment_id}/explain payments read
POST /payments/{payment_id}/approve payments review
POST /payments/{payment_id}/refuse  payments review
GET  /events                        payments read
GET  /figures                       payments read
GET  /rate                          fx       read
GET  /convert                       fx       read
GET  /rates                         fx       read
POST /quotes                        fx       pay
GET  /balance/{account_id}          wallet   read
POST /accounts                      wallet   pay
GET  /accounts                      wallet   read
GET  /accounts/{account_id}         wallet   read
GET  /accounts/{account_id}/entries wallet   read
GET  /accounts/{account_id}/statement.csv wallet read
POST /deposits                      wallet   treasury
GET  /ledger/trial-balance          wallet   audit
POST /score                         risk     audit
GET  /decisions/{payment_id}        risk     read
GET  /thresholds                    risk     audit
GET  /event-destinations            webhooks read
GET  /deliveries                    webhooks read
POST /deliveries/{delivery_id}/redeliver webhooks webhooks
POST /event-destinations/{destination}/replay webhooks webhooks
POST /event-destinations/{destination}/test webhooks webhooks
GET  /whoami                        api-gateway any
GET  /currencies                    api-gateway any
"""
FORWARDED = [route for route in ROUTES if route.service in SERVICES]
INTERNAL = [
    "/transfers/batch",
    "/accounts/lookup",
    "/score/batch",
    "/quotes/batch",
    "/events/feed",
    "/internal/config",
    "/payments/p-1/events",
    "/payments/",
    "/payments/p-1/",
    "/payments/p-1/capture/",
    "/payments//capture",
    "//payments",
    "/payments/p-1/capture/again",
    "/PAYMENTS",
    "/ledger",
    "/redoc",
]


def test_the_table_is_the_public_api() -> None:
    expected = [tuple(line.split()) for line in EXPECTED.strip().splitlines()]

    assert [(r.method, r.template, r.service, r.role or "any") for r in ROUTES] == expected


@pytest.mark.parametrize("route", FORWARDED, ids=lambda r: f"{r.method} {r.template}")
async def test_each_route_leads_to_its_service(gateway: Gateway, route: Route) -> None:
    path = re.sub(r"\{[a-z_]+\}", "ID-1.x_y", route.template)

    answer = await gateway.send(
        route.method, path, body=None if route.method == "GET" else b"{}", headers=_json(route)
    )

    assert answer.status == 200
    assert gateway.services[route.service].arrived[0].target == path
    assert gateway.arrivals() == 1


@pytest.mark.parametrize("route", FORWARDED, ids=lambda r: f"{r.method} {r.template}")
async def test_each_route_needs_its_role(gateway: Gateway, route: Route) -> None:
    others = set(ROLES) - {route.role}
    key = gateway.add_key("other", *others)
    gateway.reload()
    path = re.sub(r"\{[a-z_]+\}", "x", route.template)

    refused = await gateway.send(route.method, path, key=key, headers=_json(route))

    document = problem(refused, 403, "role_missing")
    assert f"'{route.role}'" in document["detail"]
    assert f'scope="{route.role}"' in refused.headers["www-authenticate"]
    assert gateway.arrivals() == 0


@pytest.mark.parametrize("path", INTERNAL)
async def test_what_is_not_public_does_not_exist(gateway: Gateway, path: str) -> None:
    for method in ("GET", "POST"):
        answer = await gateway.send(method, path, headers={"Content-Type": "application/json"})

        # `lookup` and `batch` stand where an id could, so a GET of them asks for such an account.
        if not (method == "GET" and path == "/accounts/lookup"):
            assert answer.status in (404, 405), (method, path)
            assert answer.headers["content-type"] == "application/problem+json"
    posted = [a for s in gateway.services.values() for a in s.arrived if a.method == "POST"]
    assert posted == []


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/payments", "GET, HEAD, POST"),
        ("PUT", "/payments/p-1", "GET, HEAD"),
        ("GET", "/payments/p-1/capture", "POST"),
        ("POST", "/payments/events", "GET, HEAD"),
        ("OPTIONS", "/quotes", "POST"),
        ("HEAD", "/quotes", "POST"),
        ("BREW", "/rates", "GET, HEAD"),
    ],
)
async def test_another_method_is_told_which_there_are(
    gateway: Gateway, method: str, path: str, allowed: str
) -> None:
    answer = await gateway.send(method, path)

    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == allowed
    assert gateway.arrivals() == 0


@pytest.mark.parametrize(
    "path",
    [
        "/payments/a%2Fb",
        "/payments/a%2fb/capture",
        "/payments/%2e%2e",
        "/payments/%2E%2E/capture",
        "/payments/..",
        "/payments/.",
        "/payments/../rates",
        "/payments/%5c..%5crates",
        "/payments/a%00b",
        "/payments/a%0d%0aX-Kurs-Merchant:%20other",
        "/payments/a%7Fb",
        "/payments/a%",
        "/payments/a%zz",
        "/payments%2Fevents",
        "/console/%2e%2e/keys.py",
        "/console/../app.py",
    ],
)
async def test_a_path_with_two_readings_is_refused(gateway: Gateway, path: str) -> None:
    problem(await gateway.get(path), 400, "unsafe_path")

    assert gateway.arrivals() == 0


@pytest.mark.parametrize("byte", [b"\x00", b"\n", b" ", b"\x7f", b"\x80", b"\xff", b"\\"])
def test_a_byte_that_no_path_may_hold_is_refused(byte: bytes) -> None:
    with pytest.raises(UnsafePath):
        RouteTable().find(b"/payments/a" + byte + b"b")


@pytest.mark.parametrize("identifier", ["house%3Aliquidity", "house:liquidity", "a%20b", ".hidden"])
async def test_an_odd_but_plain_id_is_the_services_to_judge(
    gateway: Gateway, identifier: str
) -> None:
    await gateway.get(f"/balance/{identifier}")

    assert gateway.services["wallet"].arrived[0].target == f"/balance/{identifier}"


async def test_a_query_with_raw_bytes_or_without_end_is_refused(gateway: Gateway) -> None:
    problem(await gateway.get("/payments?cursor=" + "x" * 9000), 400, "query_too_long")


def _json(route: Route) -> dict[str, str]:
    return {"Content-Type": "application/json"} if route.method == "POST" else {}


@pytest.mark.parametrize("route", [r for r in ROUTES if r.method == "GET"], ids=str)
async def test_head_is_wherever_get_is_and_asks_the_service_with_get(
    gateway: Gateway, route: Route
) -> None:
    path = re.sub(r"\{[a-z_]+\}", "x-1", route.template)

    told = await gateway.send("HEAD", path)
    whole = await gateway.send("GET", path)

    assert told.status == whole.status == 200
    assert told.headers.get("content-length") == whole.headers.get("content-length")
    if route in FORWARDED:
        assert told.body == b""
        assert [a.method for a in gateway.services[route.service].arrived] == ["GET", "GET"]


async def test_head_proves_who_it_is_like_any_other(gateway: Gateway) -> None:
    assert (await gateway.send("HEAD", "/rates", key=None)).status == 401
    assert gateway.arrivals() == 0


def test_the_routes_that_take_an_idempotency_key_are_those_that_do_something_once_by_it() -> None:
    assert {r.template for r in ROUTES if r.method == "POST" and r.takes_key} == {
        "/payments",
        "/payments/{payment_id}/capture",
        "/payments/{payment_id}/void",
        "/payments/{payment_id}/refunds",
        "/payments/{payment_id}/approve",
        "/payments/{payment_id}/refuse",
        "/deposits",
    }


@pytest.mark.parametrize("route", [r for r in FORWARDED if r.method == "POST"], ids=str)
async def test_an_idempotency_key_is_honoured_or_refused_and_never_ignored(
    gateway: Gateway, route: Route
) -> None:
    path = re.sub(r"\{[a-z_]+\}", "x-1", route.template)

    answer = await gateway.post(path, headers={"Idempotency-Key": "k-1"})

    if route.takes_key:
        (arrived,) = gateway.services[route.service].arrived
        assert arrived.header("Idempotency-Key") == "k-1"
    else:
        problem(answer, 400, "idempotency_key_not_taken")
        assert gateway.arrivals() == 0


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
async def test_a_compressed_body_is_refused_unread(gateway: Gateway, encoding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}

    answer = await gateway.post("/payments", headers=headers)

    problem(answer, 415, "unsupported_media_type")
    assert answer.headers["accept-encoding"] == "identity"
    assert gateway.arrivals() == 0
