"""What the middleware does around a request, seen from outside an app."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse
from multidict import CIMultiDict
from opentelemetry.trace import format_span_id, format_trace_id
from prometheus_client.samples import Sample
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from kurs.calls import Request as Call
from kurs.calls import Response, current_deadline
from kurs.telemetry import Telemetry, TelemetryMiddleware
from kurs_testing.asgi import AsgiTransport
from kurs_testing.telemetry import RecordingTelemetry

DURATION = "http_server_request_duration_seconds"
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def telemetry() -> Telemetry:
    return RecordingTelemetry("payments", trace_ratio=0.0)


def make_app(telemetry: Telemetry) -> FastAPI:
    app = FastAPI()
    app.add_middleware(TelemetryMiddleware, telemetry=telemetry)
    router = APIRouter(prefix="/payments")

    @router.get("/{payment_id}")
    async def read(payment_id: str) -> dict[str, str]:
        return {"payment_id": payment_id}

    app.include_router(router)

    @app.get("/left")
    async def left() -> dict[str, int | None]:
        deadline = current_deadline.get()
        return {"left": None if deadline is None else deadline.remaining_ms()}

    @app.get("/active")
    async def active() -> dict[str, float | None]:
        return {"active": telemetry.registry.get_sample_value("http_server_active_requests")}

    @app.get("/broken")
    async def broken() -> None:
        raise LookupError("no such thing")

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"a"
            yield b"b"

        return StreamingResponse(pieces())

    for probe in ("/healthz", "/readyz", "/metrics"):
        app.add_api_route(probe, _probe)
    return app


async def _probe(request: Request) -> dict[str, bool]:
    return {"deadline": current_deadline.get() is not None}


async def call(
    telemetry: Telemetry, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> Response:
    async with AsgiTransport({"http://app": make_app(telemetry)}) as transport:
        return await transport.send(Call(method, f"http://app{path}", CIMultiDict(headers or {})))


def durations(telemetry: Telemetry) -> list[Sample]:
    return [
        sample
        for metric in telemetry.registry.collect()
        for sample in metric.samples
        if sample.name.startswith(DURATION)
    ]


def labels(telemetry: Telemetry) -> list[tuple[str, str, str]]:
    return [
        (
            s.labels["http_request_method"],
            s.labels["http_route"],
            s.labels["http_response_status_code"],
        )
        for s in durations(telemetry)
        if s.name.endswith("_count")
    ]


async def test_the_route_label_is_the_template_never_the_path(telemetry: Telemetry) -> None:
    app = make_app(telemetry)
    async with AsgiTransport({"http://app": app}) as transport:
        for number in range(20):
            await transport.send(Call("GET", f"http://app/payments/P{number}"))
            await transport.send(Call("GET", f"http://app/nowhere/{number}"))

    assert sorted(labels(telemetry)) == [
        ("GET", "/payments/{payment_id}", "200"),
        ("GET", "unmatched", "404"),
    ]


async def test_an_invented_method_is_other(telemetry: Telemetry) -> None:
    await call(telemetry, "/left", method="BREW")

    assert labels(telemetry) == [("_OTHER", "/left", "405")]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_bypass_everything(path: str) -> None:
    telemetry = RecordingTelemetry("payments", trace_ratio=1.0)
    response = await call(telemetry, path, {"X-Request-Deadline": "50"})

    assert response.json() == {"deadline": False}
    assert "traceresponse" not in response.headers
    assert labels(telemetry) == []
    assert telemetry.spans() == ()


async def test_an_incoming_sampled_trace_is_continued(telemetry: Telemetry) -> None:
    sent = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    response = await call(telemetry, "/payments/P1", sent)

    (span,) = telemetry.spans()
    assert span.name == "GET /payments/{payment_id}"
    assert format_trace_id(span.context.trace_id) == TRACE
    assert span.parent is not None
    assert format_span_id(span.parent.span_id) == "b7ad6b7169203331"
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/payments/{payment_id}",
        "http.response.status_code": 200,
        "url.path": "/payments/P1",
        "url.scheme": "http",
    }
    own = format_span_id(span.context.span_id)
    assert response.headers["traceresponse"] == f"00-{TRACE}-{own}-01"


async def test_an_incoming_unsampled_trace_stays_so_whatever_the_ratio() -> None:
    telemetry = RecordingTelemetry("payments", trace_ratio=1.0)
    sent = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"}
    response = await call(telemetry, "/payments/P1", sent)

    assert telemetry.spans() == ()
    assert response.headers["traceresponse"].startswith(f"00-{TRACE}-")
    assert response.headers["traceresponse"].endswith("-00")


@pytest.mark.parametrize(("ratio", "recorded"), [(1.0, 1), (0.0, 0)])
async def test_a_request_without_a_trace_is_sampled_by_the_ratio(
    ratio: float, recorded: int
) -> None:
    telemetry = RecordingTelemetry("payments", trace_ratio=ratio)
    await call(telemetry, "/payments/P1", {"traceparent": "garbage"})

    assert len(telemetry.spans()) == recorded


async def test_about_a_ratio_of_many_requests_is_sampled() -> None:
    telemetry = RecordingTelemetry("payments", trace_ratio=0.5)
    app = make_app(telemetry)
    async with AsgiTransport({"http://app": app}) as transport:
        for _ in range(200):
            await transport.send(Call("GET", "http://app/left"))

    assert 40 < len(telemetry.spans()) < 160


async def test_the_edge_links_a_callers_trace_and_decides_itself() -> None:
    telemetry = RecordingTelemetry("api-gateway", trace_ratio=1.0)
    app = TelemetryMiddleware(make_app(RecordingTelemetry("x")), telemetry, trust_incoming=False)
    async with AsgiTransport({"http://app": app}) as transport:
        sent = CIMultiDict({"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"})
        await transport.send(Call("GET", "http://app/payments/P1", sent))

    (span,) = telemetry.spans()
    assert span.parent is None
    assert [format_trace_id(link.context.trace_id) for link in span.links] == [TRACE]


async def test_only_sampled_requests_leave_exemplars(telemetry: Telemetry) -> None:
    await call(telemetry, "/payments/P1")
    assert [s.exemplar for s in durations(telemetry) if s.exemplar] == []

    await call(telemetry, "/payments/P1", {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    exemplars = [s.exemplar for s in durations(telemetry) if s.exemplar]
    assert [e.labels for e in exemplars] == [{"trace_id": TRACE}]


async def test_the_deadline_header_is_the_current_deadline(telemetry: Telemetry) -> None:
    left = (await call(telemetry, "/left", {"X-Request-Deadline": "60000"})).json()["left"]

    assert 0 < left <= 60000
    assert (await call(telemetry, "/left")).json() == {"left": None}
    assert (await call(telemetry, "/left", {"X-Request-Deadline": "soon"})).json() == {"left": None}


async def test_requests_in_flight_are_counted(telemetry: Telemetry) -> None:
    assert (await call(telemetry, "/active")).json() == {"active": 1.0}
    assert telemetry.registry.get_sample_value("http_server_active_requests") == 0.0


async def test_an_unhandled_error_is_a_500_and_marks_the_span(telemetry: Telemetry) -> None:
    await call(telemetry, "/broken", {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})

    assert labels(telemetry) == [("GET", "/broken", "500")]
    (span,) = telemetry.spans()
    assert not span.status.is_ok
    assert span.attributes is not None
    assert span.attributes["error.type"] == "LookupError"
    assert [event.name for event in span.events] == ["exception"]


async def test_a_streamed_answer_is_observed_once_at_its_end(telemetry: Telemetry) -> None:
    response = await call(telemetry, "/stream")

    assert response.body == b"ab"
    assert labels(telemetry) == [("GET", "/stream", "200")]


@pytest.mark.parametrize("error", [ClientDisconnect(), asyncio.CancelledError(), None])
async def test_a_client_that_is_gone_is_no_server_error(
    telemetry: Telemetry, error: BaseException | None
) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = "/pay"
        if error is not None:
            raise error

    scope: Scope = {"type": "http", "method": "POST", "path": "/pay", "headers": []}
    with suppress(ClientDisconnect, asyncio.CancelledError):
        await TelemetryMiddleware(app, telemetry)(scope, _nothing, _ignore)

    assert labels(telemetry) == [("POST", "/pay", "499")]


async def test_nothing_leaks_into_the_task_that_called_the_app(telemetry: Telemetry) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert current_deadline.get() is not None

    headers = [(b"x-request-deadline", b"1000")]
    scope: Scope = {"type": "http", "method": "GET", "path": "/x", "headers": headers}
    await TelemetryMiddleware(app, telemetry)(scope, _nothing, _ignore)

    assert current_deadline.get() is None


async def _nothing() -> dict[str, str]:
    return {}


async def _ignore(_: object) -> None:
    return None
