"""What every answer says of itself: nobody keeps it, and nobody is sent where a header said."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from multidict import CIMultiDict
from tests.system.hostile import operations

from api_gateway.route_table import ROUTES
from kurs.calls import Request
from kurs.kernel.ids import RESERVED_PAYMENT_IDS
from kurs_testing.edges import EdgeSigning
from kurs_testing.joined import BASES, GATEWAY, JoinedGateway
from kurs_testing.problems import assert_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
EVIL = "http://evil.test"
PROBES = {"/healthz", "/readyz", "/metrics"}
PAGES = ["/", "/console/console.js", "/console/console.css", "/docs", "/openapi.json"]
PAYMENT = {
    "payment_id": "p1",
    "amount": "1.00",
    "currency": "USD",
    "source_account": "alice",
    "destination_account": "bob",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[JoinedGateway]:
    folder = tmp_path_factory.mktemp("answers") / "kurs"
    async with JoinedGateway(folder, SAMPLES) as joined:
        await joined.open_and_fund("alice", USD="10.00")
        await joined.open_and_fund("bob")
        yield joined


async def test_no_answer_may_be_stored(gateway: JoinedGateway) -> None:
    caller = {"x-kurs-merchant": "demo", "authorization": f"Bearer {gateway.key}"}
    for operation in operations(gateway.apps):
        if operation.path in PROBES or operation.path.endswith("/events"):
            continue
        for body in (None, {}) if operation.method == "POST" else (None,):
            answer = await gateway.send(
                BASES[operation.service], operation.method, operation.target(), body, caller
            )
            found = answer.headers.getall("cache-control")
            assert found == ["no-store"], (operation, answer.status, found)
    made = await gateway.call("POST", "/payments", PAYMENT)
    for answer in (
        made,
        await gateway.call("GET", "/nothing"),
        await gateway.call("PUT", "/rates"),
    ):
        assert answer.headers.getall("cache-control") == ["no-store"]


async def test_an_event_stream_may_not_be_stored(gateway: JoinedGateway) -> None:
    request = Request("GET", f"{GATEWAY}/payments/events?after=0")
    request.headers["authorization"] = f"Bearer {gateway.key}"
    async with gateway.transport.stream(request) as answer:
        assert answer.headers.getall("cache-control") == ["no-store"]


@pytest.mark.parametrize("path", PAGES)
async def test_the_console_is_asked_for_again_and_costs_nothing(
    gateway: JoinedGateway, path: str
) -> None:
    answer = await gateway.send(GATEWAY, "GET", path)
    assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache")


async def test_nobody_is_sent_where_a_host_header_says(gateway: JoinedGateway) -> None:
    for name, app in gateway.apps.items():
        gateway.transport.mount(EVIL, app)
        paths = {operation.target() for operation in operations({name: app})}
        # An event stream does not end by itself.
        paths = {path for path in paths if not path.startswith("/payments/events")}
        paths |= {"/console", "/docs", "/docs/", "/", "//evil.test", "//evil.test/payments/"}
        for path in sorted(paths):
            for shape in (path, path.split("?")[0] + "/", path.upper()):
                headers = CIMultiDict({"x-kurs-merchant": "demo"})
                if name != "api-gateway":
                    EdgeSigning(gateway.clock).sign(name, "GET", shape, headers, None)
                answer = await gateway.send(EVIL, "GET", shape, None, headers)
                # The gateway's pages lead to each other, by paths.
                location = answer.headers.get("location", "/")
                assert location.startswith("/"), (name, shape)
                assert not location.startswith("//"), (name, shape)
                assert name == "api-gateway" or not 300 <= answer.status < 400, (name, shape)
                assert "evil.test" not in str(answer.raw_headers), (name, shape)


async def test_an_id_that_is_a_path_of_the_api_cannot_be_taken(gateway: JoinedGateway) -> None:
    for reserved in sorted(RESERVED_PAYMENT_IDS):
        answer = await gateway.call("POST", "/payments", {**PAYMENT, "payment_id": reserved})
        (error,) = assert_problem(answer, status=422)["errors"]
        assert (error["field"], error["hint"]) == ("payment_id", "choose another id")


async def test_the_reserved_ids_are_what_stands_beside_an_id(gateway: JoinedGateway) -> None:
    """Where a fixed segment and `{id}` are of one method, a thing with that id cannot be read."""
    routes = {(o.method, o.path) for o in operations(gateway.apps)}
    routes |= {(route.method, route.template) for route in ROUTES}
    hidden = {
        (kind, path.rpartition("/")[2])
        for method, path in routes
        for other_method, other in routes
        if "{" in (kind := other.rpartition("/")[2]) and "{" not in path and method == other_method
        if other.rpartition("/")[0] == path.rpartition("/")[0]
    }
    assert hidden == {("{payment_id}", reserved) for reserved in RESERVED_PAYMENT_IDS}
