"""The FastAPI app that every service is: health, metrics, strict JSON and the one error shape."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from inspect import signature
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kurs.errors import (
    PROBLEM_MEDIA_TYPE,
    BadRequest,
    Internal,
    MalformedJson,
    PayloadTooLarge,
    Problem,
    ProblemDocument,
    Unprocessable,
    problem_for_status,
    problem_responses,
)
from kurs.faults import FaultInjection, has_faults
from kurs.settings import ServiceSettings
from kurs.telemetry import Telemetry, TelemetryMiddleware, render_metrics
from kurs.validation import refusal

Readiness = Callable[[], Mapping[str, bool]]
Report = Callable[[], Mapping[str, object]]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class StrictJsonRequest(Request):
    """A request whose JSON numbers become Decimal, never a float; NaN and Infinity are refused."""

    async def json(self) -> Any:
        """Read the body; raises json.JSONDecodeError, which becomes a `malformed_json` problem."""
        if not hasattr(self, "_json"):
            self._json = strict_json(await self.body())
        return self._json


class JsonRoute(APIRoute):
    """A route that reads its body strictly.

    An endpoint that takes the request and nothing else is direct: it is called without FastAPI's
    handling of dependencies, parameters and bodies, which costs more than what such a route does.
    It reads its input itself, documents it by `openapi_extra`, and returns a Response.
    """

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return the direct endpoint, or one whose request is a StrictJsonRequest."""
        if list(signature(self.endpoint).parameters) == ["request"]:
            return self.endpoint
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            response: Response = await handle(StrictJsonRequest(request.scope, request.receive))
            return response

        return strict


class _BodyLimitExceeded(HTTPException):
    """Raised from `receive`; an HTTPException, since FastAPI lets only those pass."""


class BodyLimit:
    """ASGI middleware that counts the body as it arrives; Content-Length may lie or be absent."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting `receive`."""
        if scope["type"] != "http" or scope["method"] == "GET":
            await self._app(scope, receive, send)
            return
        left = self._limit

        async def counted() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise _BodyLimitExceeded(413, f"the body may have {self._limit} bytes")
            return message

        await self._app(scope, counted, send)


def strict_json(body: bytes) -> Any:
    """Return what a JSON text holds, its numbers as Decimal; raises ValueError, also for NaN."""
    return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)


def router(**options: Any) -> APIRouter:
    """Return a router whose routes read JSON strictly and document the common problems."""
    common = problem_responses(BadRequest, MalformedJson, PayloadTooLarge, Unprocessable)
    responses = {**common, **options.pop("responses", {})}
    return APIRouter(route_class=JsonRoute, responses=responses, **options)


def create_app(
    *,
    title: str,
    settings: ServiceSettings,
    telemetry: Telemetry,
    lifespan: Lifespan,
    readiness: Readiness,
    report: Report = dict,
    trust_traceparent: bool = True,
) -> FastAPI:
    """Return an app with `/healthz`, `/readyz`, `/metrics`, `/openapi.json` and problem handlers.

    `readiness` names each thing that the service needs and says whether it is there; `report` adds
    to the answer of `/readyz` what does not decide. Without `trust_traceparent` the trace of a
    caller is linked and not continued.
    """
    app = FastAPI(title=title, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.draining = False
    app.state.telemetry = telemetry
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    if has_faults(settings):
        app.add_middleware(FaultInjection, settings=settings)
    app.add_middleware(TelemetryMiddleware, telemetry=telemetry, trust_incoming=trust_traceparent)
    _add_problem_handlers(app, telemetry)
    app.include_router(_operations(telemetry, readiness, report))
    _document_problems(app)
    return app


def problem_response(problem: Problem) -> Response:
    """Render a problem as an answer."""
    return Response(problem.body(), problem.status, problem.headers, media_type=PROBLEM_MEDIA_TYPE)


def _refuse_constant(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is not JSON", name, 0)


def _add_problem_handlers(app: FastAPI, telemetry: Telemetry) -> None:
    async def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return problem_response(error)

    async def on_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(refusal(error.errors()))

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        problem = problem_for_status(error.status_code, str(error.detail))
        problem.headers.update(error.headers or {})
        return problem_response(problem)

    async def on_fault(request: Request, error: Exception) -> Response:
        telemetry.logger.error("unhandled error", path=request.url.path, exc_info=error)
        return problem_response(Internal("an unexpected error; the log has the details"))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_fault)


def _operations(telemetry: Telemetry, readiness: Readiness, report: Report) -> APIRouter:
    routes = APIRouter(tags=["operations"])

    @routes.get("/healthz", summary="Does the process live?")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/readyz", summary="Can it do its work?", responses={503: {}})
    async def readyz(request: Request, response: Response) -> dict[str, Any]:
        checks = {**readiness(), "serving": not request.app.state.draining}
        ready = all(checks.values())
        response.status_code = 200 if ready else 503
        return {"status": "ready" if ready else "not ready", "checks": checks, **report()}

    @routes.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
    async def metrics(request: Request) -> Response:
        body, media_type = render_metrics(telemetry.registry, request.headers.get("accept", ""))
        return Response(body, headers={"content-type": media_type})

    return routes


def _document_problems(app: FastAPI) -> None:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, routes=app.routes)
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas["Problem"] = schema
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
