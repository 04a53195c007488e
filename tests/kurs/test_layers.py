"""kurs.web.layers: direct routes answer as the framework's do, whatever they raise."""

from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, Field, TypeAdapter
from starlette.responses import StreamingResponse

from kurs.kernel.errors import Conflict
from kurs.kernel.settings import ServiceSettings
from kurs.kernel.validation import RequestModel
from kurs.telemetry import Telemetry
from kurs.web.app import create_app
from kurs.web.direct import direct_get, direct_post, read_json, read_query
from kurs.web.routing import router
from kurs_testing.telemetry import RecordingTelemetry

routes = router()
_NUMBERS = TypeAdapter(list[int])


class Body(BaseModel):
    """What the document says that a direct route takes."""


@routes.post("/direct/{number}")
async def with_parameter(number: int) -> int:
    return number


@direct_post(routes, "/direct", body=Body)
async def echo(request: Request) -> Response:
    return Response(str(sum(await read_json(request, _NUMBERS))))


@direct_post(routes, "/direct/conflict", body=Body)
async def conflict(request: Request) -> Response:
    raise Conflict("taken")


@direct_post(routes, "/direct/tea", body=Body)
async def tea(request: Request) -> Response:
    raise HTTPException(415, "no tea here", {"x-tea": "no"})


@routes.post("/fault/{number}")
async def fault_of_the_framework(number: int) -> int:
    return number // 0


@direct_post(routes, "/direct/fault", body=Body)
async def fault(request: Request) -> Response:
    raise ZeroDivisionError("secret detail")


class Query(RequestModel):
    """What the document says that a direct route is asked."""

    number: Annotated[int, Field(ge=1)]
    more: str | None = None


@direct_get(routes, "/direct/asked", query=Query)
async def asked(request: Request) -> Response:
    return Response(str(read_query(request, Query).number))


def _app(telemetry: Telemetry) -> FastAPI:
    settings = ServiceSettings(service="direct", max_body_bytes=20)
    app = create_app(
        title="direct", settings=settings, telemetry=telemetry, lifespan=None, readiness=dict
    )
    app.include_router(routes)
    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(_app(RecordingTelemetry("direct")))
    async with httpx.AsyncClient(transport=transport, base_url="http://direct") as client:
        yield client


async def test_a_direct_route_answers(client: httpx.AsyncClient) -> None:
    answer = await client.post("/direct", json=[1, 2, 3])
    assert (answer.status_code, answer.text) == (200, "6")
    assert "traceresponse" in answer.headers


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/direct", "[1, x]", 400, "malformed_json"),
        ("/direct", '["one"]', 422, "validation_failed"),
        ("/direct", "[" + "1," * 50 + "1]", 413, "payload_too_large"),
        ("/direct/conflict", "", 409, "conflict"),
        ("/direct/fault", "", 500, "internal"),
    ],
)
async def test_what_it_raises_is_a_problem(
    client: httpx.AsyncClient, path: str, body: str, status: int, code: str
) -> None:
    answer = await client.post(path, content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert "secret" not in answer.text


async def test_a_direct_route_reads_its_query_strictly(client: httpx.AsyncClient) -> None:
    answer = await client.get("/direct/asked?number=7")
    wrong = [
        await client.get(f"/direct/asked?{q}") for q in ("", "number=0&x=1", "number=1&number=2")
    ]
    document = (await client.get("/openapi.json")).json()["paths"]["/direct/asked"]["get"]

    assert (answer.status_code, answer.text) == (200, "7")
    assert [w.status_code for w in wrong] == [422] * 3
    fields = [{e["field"] for e in w.json()["errors"]} for w in wrong]
    assert fields == [{"number"}, {"number", "x"}, {"number"}]
    named = [(p["name"], p["in"], p["required"]) for p in document["parameters"]]
    assert named == [("number", "query", True), ("more", "query", False)]


async def test_an_http_exception_keeps_its_headers(client: httpx.AsyncClient) -> None:
    answer = await client.post("/direct/tea")
    assert (answer.status_code, answer.headers["x-tea"]) == (415, "no")


async def test_other_methods_and_routes_are_the_frameworks(client: httpx.AsyncClient) -> None:
    assert (await client.get("/direct")).status_code == 405
    assert (await client.post("/direct/7")).json() == 7
    assert (await client.post("/nowhere")).status_code == 404


async def test_the_route_is_in_the_metrics() -> None:
    telemetry = RecordingTelemetry("direct")
    transport = httpx.ASGITransport(_app(telemetry))
    async with httpx.AsyncClient(transport=transport, base_url="http://direct") as client:
        await client.post("/direct", json=[1])
    labels = {
        "http_request_method": "POST",
        "http_route": "/direct",
        "http_response_status_code": "200",
    }
    name = "http_server_request_duration_seconds_count"
    assert telemetry.registry.get_sample_value(name, labels) == 1


@pytest.mark.parametrize("path", ["/direct/fault", "/fault/1"])
async def test_a_fault_is_on_its_span_once(path: str) -> None:
    telemetry = RecordingTelemetry("direct")
    transport = httpx.ASGITransport(_app(telemetry), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://direct") as client:
        answer = await client.post(path)
    (span,) = telemetry.spans()
    assert answer.status_code == 500
    assert [event.name for event in span.events] == ["exception"]


async def test_a_client_that_is_gone_gets_no_answer_and_is_no_fault() -> None:
    app = _app(RecordingTelemetry("direct"))
    sent: list[object] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/direct",
        "raw_path": b"/direct",
        "query_string": b"",
        "headers": [],
    }
    await app(scope, receive, send)  # type: ignore[arg-type]
    assert sent == []


async def test_a_fault_whose_answer_was_given_ends_there() -> None:
    """The server would close the connection, and fail the next request on it."""
    settings = ServiceSettings(service="faulty")
    app = create_app(
        title="faulty",
        settings=settings,
        telemetry=RecordingTelemetry("faulty"),
        lifespan=None,
        readiness=dict,
    )

    @app.get("/fault")
    async def fault() -> None:
        raise ZeroDivisionError

    @app.get("/half")
    async def half() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise ZeroDivisionError

        return StreamingResponse(pieces())

    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://faulty") as client:
        answer = await client.get("/fault")
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        with pytest.raises(ZeroDivisionError):
            await client.get("/half")
