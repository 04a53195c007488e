"""No input stops a service: every field of every route of every service, public and internal.

The routes are the apps' own, so that a new one is tested by itself. Each hostile value is answered
by a problem within 50 ms of CPU, and after all of them the databases hold what they held before.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from time import process_time
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.system.hostile import (
    ENCODINGS,
    NUMERALS,
    PARAMETERS,
    VALUES,
    Operation,
    filled,
    operations,
)

from api_gateway.route_table import ROUTES
from kurs.calls import Response
from kurs.kernel.roles import ROLES
from kurs_testing.joined import BASES, GATEWAY, JoinedGateway
from kurs_testing.problems import assert_problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
CALLER = {
    "x-kurs-merchant": "demo",
    "x-kurs-key-id": "k1",
    "x-kurs-roles": ",".join(ROLES),
    "content-type": "application/json",
}
PUBLIC = {(route.method, route.template) for route in ROUTES}
REFUSALS = {"malformed_json", "validation_failed", "payload_too_large"}
CPU_SECONDS = 0.05
ANSWER_SECONDS = 120
"""An answer that never comes ends one test, not the whole run."""
HEADERS = ["x-request-deadline", "traceparent", "baggage", "tracestate", "accept", "content-type"]


class Hostile:
    """A gateway, and what is asked of each answer."""

    def __init__(self, gateway: JoinedGateway) -> None:
        self.gateway = gateway
        self.operations = operations(gateway.apps)

    async def send(
        self, operation: Operation, target: str, body: bytes | None, **headers: str
    ) -> Response:
        """Send it to the service; what is public is the gateway's own operation as well.

        The answer must cost little CPU (a busy machine is given a few tries).
        """
        base = BASES[operation.service]
        key = {"idempotency-key": "hostile"} if operation.path.startswith("/payments") else {}
        own = {**CALLER, **key, **{name.replace("_", "-"): text for name, text in headers.items()}}
        if base == GATEWAY:
            own = {n: text for n, text in own.items() if not n.startswith("x-kurs-")}
            own["authorization"] = f"Bearer {self.gateway.key}"
        seconds = 1.0
        for _ in range(5):
            start = process_time()
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self.gateway.send(base, operation.method, target, body, own)
            seconds = min(seconds, process_time() - start)
            if seconds < CPU_SECONDS:
                return answer
        raise AssertionError(f"{seconds * 1000:.0f} ms of CPU: {operation} {(body or b'')[:200]!r}")

    async def refuse_body(self, operation: Operation, body: bytes, value: str) -> None:
        """Send a body that is refused for what is in it, and for nothing else."""
        answer = await self.send(operation, operation.target(), body)
        case = f"{operation.service} {operation.path} {value[:60]!r} in {body[:300]!r}"
        if operation.is_batch and answer.status == 200:
            assert all(is_refused(result) for result in results(answer)), case
        else:
            # Neither a role nor a header: the value was looked at.
            assert assert_problem(answer, case=case)["code"] in REFUSALS, case
        if (operation.service, operation.path) == ("payments", "/payments"):
            await self.refuse_among_others(body, value)

    async def refuse_among_others(self, body: bytes, value: str) -> None:
        """Send the body of a payment as the gateway does when it is busy."""
        try:
            item = {"body": body.decode(), "merchant": "demo", "roles": "pay"}
        except UnicodeDecodeError:
            return  # Such a body goes alone.
        operation = next(o for o in self.operations if o.path == "/payments/batch")
        batch = json.dumps({"items": [item]}).encode()
        await self.refuse_body(operation, batch, value)


def results(answer: Response) -> list[dict[str, Any]]:
    """Return the results of a batch, in lines or in one object."""
    if answer.headers["content-type"] == "application/x-ndjson":
        return [json.loads(line) for line in answer.body.splitlines()]
    found: list[dict[str, Any]] = answer.json()["results"]
    return found


def is_refused(result: Mapping[str, Any]) -> bool:
    """Tell whether nothing was done with an item of a batch, and that for a reason."""
    if result["status"] == "answered":
        return 400 <= result["http_status"] < 500
    return result["status"] in ("refused", "skipped")


OWN = ('"chain_cursors"', 'INTO "feed"', 'INTO "workers"', 'INTO "checkpoints"')
"""How far the reconciliation, webhooks and the trial balance have read, and which replicas live."""


def stored(folder: Path) -> dict[str, list[str]]:
    """Return all that the services have stored, but for what they keep of themselves."""
    found = {}
    for file in sorted(folder.glob("*.db")):
        with sqlite3.connect(file) as connection:
            lines = connection.iterdump()
            found[file.name] = [line for line in lines if not any(t in line for t in OWN)]
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hostile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hostile]:
    folder = tmp_path_factory.mktemp("hostile") / "kurs"
    async with JoinedGateway(folder, SAMPLES) as gateway:
        await gateway.open_and_fund("alice", USD="1000.00")
        await gateway.open_and_fund("bob")
        hostile = Hostile(gateway)
        before = stored(folder)
        assert len(before) == 4
        yield hostile
        assert gateway.transport.errors == []
        after = stored(folder)
        assert {name for name in before if set(after[name]) != set(before[name])} == set()


def places(hostile: Hostile) -> Iterator[tuple[Operation, str]]:
    for operation in hostile.operations:
        for text in operation.marked():
            yield operation, text


async def test_the_routes_are_the_services_own(hostile: Hostile) -> None:
    with_bodies = {(o.service, o.path) for o in hostile.operations if o.bodies}
    assert {("payments", "/payments"), ("wallet", "/transfers/batch"), ("fx", "/quotes")} <= (
        with_bodies
    )
    assert all(o.bodies or o.method == "GET" or o.service == "api-gateway"
               for o in hostile.operations)  # fmt: skip
    offered = {(o.method, o.path) for o in hostile.operations if o.service == "api-gateway"}
    assert offered >= PUBLIC
    behind = {(o.method, o.path) for o in hostile.operations if o.service != "api-gateway"}
    assert len(PUBLIC - behind) < 5, "the gateway's own"


@pytest.mark.parametrize("value", VALUES, ids=lambda text: ascii(text[:24]))
async def test_no_value_of_a_field_stops_a_service(hostile: Hostile, value: str) -> None:
    for operation, text in places(hostile):
        if body := filled(text, value):
            await hostile.refuse_body(operation, body, value)


@pytest.mark.parametrize("encoding", ENCODINGS)
async def test_bodies_are_utf_8(hostile: Hostile, encoding: str) -> None:
    for operation in hostile.operations:
        for body in operation.bodies:
            await hostile.refuse_body(operation, json.dumps(body).encode(encoding), encoding)


async def test_names_occur_once(hostile: Hostile) -> None:
    """A body that would do is refused for a name that stands in it twice, with the same value."""
    for operation in hostile.operations:
        for body in () if operation.is_between_services else operation.bodies:
            made = body[0] if isinstance(body, list) else body
            for name, value in list(made.items())[:1]:
                text, first = json.dumps(made), json.dumps({name: value})[:-1]
                twice = json.dumps(body).replace(text, f"{first}, {text[1:]}", 1)
                await hostile.refuse_body(operation, twice.encode(), "a name twice")


WORDS = ("\u0661", "%ff", "-9223372036854775809")
MEANT = {("after", ""), ("last-event-id", ""), *(("text", word) for word in WORDS)}
"""What is said and understood: a stream from now on, and words."""


@pytest.mark.parametrize("value", [*PARAMETERS, *NUMERALS], ids=lambda text: ascii(text[:24]))
async def test_no_parameter_stops_a_service(hostile: Hostile, value: str) -> None:
    encoded = value if value.startswith("%") else quote(value, safe="")
    for operation in hostile.operations:
        for where, name, is_number in operation.parameters:
            if where == "header" or (value in NUMERALS and not is_number):
                continue
            if (name, value) in MEANT:
                continue
            body = b"{}" if operation.bodies else None
            answer = await hostile.send(operation, operation.target(name, encoded), body)
            assert_problem(answer, case=f"{operation} {name}={value[:60]!r}")


async def test_many_parameters_cost_little(hostile: Hostile) -> None:
    query = "&".join(f"p{i}" for i in range(1_000))
    for operation in hostile.operations:
        if operation.method == "GET" and not operation.path.endswith("/events"):
            answer = await hostile.send(operation, f"{operation.path}?{query}", None)
            assert answer.status < 500, operation


@pytest.mark.parametrize("value", [*PARAMETERS, *NUMERALS], ids=lambda text: ascii(text[:24]))
async def test_no_header_stops_a_service(hostile: Hostile, value: str) -> None:
    """What is no number, key or trace is refused or not taken; a stream does not begin with it."""
    text = value.encode().decode("latin-1")
    for operation in hostile.operations:
        if operation.method != "GET":
            continue
        numbers = [n for where, n, is_number in operation.parameters if where == "header"]
        others = [] if numbers else HEADERS
        for name in (*numbers, *others):
            if (name, value) in MEANT:
                continue
            header = {name.replace("-", "_"): text}
            answer = await hostile.send(operation, operation.target(), None, **header)
            if name in numbers:
                assert_problem(answer, case=f"{operation} {name}: {value[:60]!r}")
            assert answer.status < 500, (operation, name, value)


@pytest.mark.parametrize("value", PARAMETERS, ids=lambda text: ascii(text[:24]))
async def test_the_caller_is_whom_the_gateway_names(hostile: Hostile, value: str) -> None:
    text = value.encode().decode("latin-1")
    for operation in hostile.operations:
        # An event stream does not end by itself.
        own = operation.service != "api-gateway" and not operation.path.endswith("/events")
        if not own or (operation.method, operation.path) not in PUBLIC:
            continue
        for name in ("x_kurs_merchant", "x_kurs_key_id", "x_kurs_roles"):
            body = b"{}" if operation.bodies else None
            answer = await hostile.send(operation, operation.target(), body, **{name: text})
            assert answer.status < 500, (operation, name, value)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=st.data())
async def test_no_drawn_value_stops_a_service(hostile: Hostile, drawn: st.DataObject) -> None:
    operation, text = drawn.draw(st.sampled_from(list(places(hostile))))
    value = drawn.draw(
        st.sampled_from(VALUES) | st.from_regex(r"-?[0-9]{41,60}([eE][+-]?[0-9]{2,12})?")
    )
    if body := filled(text, value):
        await hostile.refuse_body(operation, body, value)
