"""The FastAPI app that every service is: health, metrics and the one error shape."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from kurs.kernel.errors import (
    PROBLEM_MEDIA_TYPE,
    Internal,
    Problem,
    ProblemDocument,
    problem_for_status,
)
from kurs.kernel.settings import ServiceSettings
from kurs.kernel.validation import refusal
from kurs.telemetry import CLIENT_GONE, Telemetry, TelemetryMiddleware
from kurs.web.faults import FaultInjection, has_faults
from kurs.web.layers import AnswerError, BodyLimit, Layer, NoStore, ServiceApp
from kurs.web.operations import Readiness, Report, balancer_routes, operations_routes
from kurs.web.serving.port import Bounds, Port

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    *,
    title: str,
    settings: ServiceSettings,
    telemetry: Telemetry,
    lifespan: Lifespan,
    readiness: Readiness,
    report: Report = dict,
    front: Layer | None = None,
    guard: Layer | None = None,
    balanced: bool = False,
    trust_traceparent: bool = True,
    take_baggage: bool = True,
) -> FastAPI:
    """Return an app with `/openapi.json` and problem handlers.

    `app.state.operations` is the app with `/healthz`, `/readyz` and `/metrics`: this one, or one of
    its own for the operations port when there is one. Then this one answers none of them, but for
    `balanced` the first two, without what they rest on.

    `readiness` names each thing that the service needs and says whether it is there; `report` adds
    to the answer of `/readyz` what does not decide. `front` is a layer right behind the telemetry.
    `guard` lets only proven requests to the routes and bounds their bodies (kurs.edges).
    Without `trust_traceparent` the trace of a caller is linked and not continued; without
    `take_baggage` its baggage is not taken.
    """
    answer_error = _error_answers(telemetry)
    tracing = partial(
        TelemetryMiddleware,
        telemetry=telemetry,
        trust_incoming=trust_traceparent,
        take_baggage=take_baggage,
    )
    app = ServiceApp(
        title=title,
        lifespan=lifespan,
        layers=_layers(settings, tracing, front, guard),
        answer_error=answer_error,
    )
    app.state.draining = False
    app.state.telemetry = telemetry
    app.state.port = _port(settings, telemetry)
    _add_error_handlers(app, answer_error)
    app.state.operations = _add_operations(
        app, settings, telemetry, readiness, report, balanced=balanced
    )
    _document_problems(app)
    return app


def _add_operations(
    app: ServiceApp,
    settings: ServiceSettings,
    telemetry: Telemetry,
    readiness: Readiness,
    report: Report,
    *,
    balanced: bool,
) -> FastAPI:
    """Add probes and metrics to the app of the port that has them, and return that."""

    def checks() -> Mapping[str, bool]:
        return {**readiness(), "serving": not app.state.draining}

    apart: ServiceApp | None = None
    if settings.operations_port:
        answer_error = _error_answers(telemetry)
        apart = ServiceApp(
            title=app.title,
            openapi_url=None,
            layers=_faults(settings),
            answer_error=answer_error,
        )
        _add_error_handlers(apart, answer_error)
        if balanced:
            app.include_router(balancer_routes(checks))
    chosen = apart or app
    chosen.include_router(operations_routes(telemetry, checks, report))
    return chosen


def problem_response(problem: Problem) -> Response:
    """Render a problem as an answer."""
    return Response(problem.body(), problem.status, problem.headers, media_type=PROBLEM_MEDIA_TYPE)


def _port(settings: ServiceSettings, telemetry: Telemetry) -> Port:
    ended = telemetry.counter(
        "http_server_connections_ended_total",
        "Connections that the server ended, by code: too many, too slow, too large or malformed",
        ("code",),
    )
    port = Port(Bounds.of(settings), lambda code: ended.labels(code).inc())
    telemetry.gauge("http_server_open_connections", "Connections that are open").set_function(
        lambda: len(port)
    )
    return port


def _layers(
    settings: ServiceSettings, tracing: Layer, front: Layer | None, guard: Layer | None
) -> list[Layer]:
    layers: list[Layer] = [tracing, NoStore, *_faults(settings)]
    if front is not None:
        layers.append(front)
    return [*layers, guard or partial(BodyLimit, limit=settings.max_body_bytes)]


def _faults(settings: ServiceSettings) -> list[Layer]:
    return [partial(FaultInjection, settings=settings)] if has_faults(settings) else []


def _error_answers(telemetry: Telemetry) -> AnswerError:
    def answer(request: Request, error: Exception) -> Response:
        match error:
            case Problem():
                return problem_response(error)
            case ClientDisconnect():
                # Nobody reads it; it is counted.
                return Response(status_code=CLIENT_GONE)
            case RequestValidationError():
                return problem_response(refusal(error.errors()))
            case HTTPException():
                problem = problem_for_status(error.status_code, str(error.detail))
                problem.headers.update(error.headers or {})
                return problem_response(problem)
        telemetry.logger.error("unhandled error", path=request.url.path, exc_info=error)
        return problem_response(Internal("an unexpected error; the log has the details"))

    return answer


def _add_error_handlers(app: FastAPI, answer_error: AnswerError) -> None:
    async def on_error(request: Request, error: Exception) -> Response:
        return answer_error(request, error)

    for kind in (Problem, RequestValidationError, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, on_error)


def _document_problems(app: FastAPI) -> None:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title,
                version=app.version,
                routes=app.routes,
                webhooks=app.webhooks.routes,
            )
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas["Problem"] = schema
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
