"""Probes and metrics: for those who run a service, on a port apart from the one that works."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from kurs.telemetry import Telemetry, render_metrics

Readiness = Callable[[], Mapping[str, bool]]
Report = Callable[[], Mapping[str, object]]
_UNREADY = 503


def operations_routes(telemetry: Telemetry, readiness: Readiness, report: Report) -> APIRouter:
    """Return `/healthz`, `/readyz` with everything it rests on, and `/metrics`."""
    routes = _health()

    @routes.head("/readyz", include_in_schema=False)
    @routes.get("/readyz", summary="Can it do its work?", responses={_UNREADY: {}})
    async def readyz(response: Response) -> dict[str, Any]:
        """Say what is needed and whether it is there: 200, or 503 while something is not."""
        checks = readiness()
        return {"status": _status(checks, response), "checks": checks, **report()}

    @routes.head("/metrics", include_in_schema=False)
    @routes.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
    async def metrics(request: Request) -> Response:
        body, media_type = render_metrics(telemetry.registry, request.headers.get("accept", ""))
        return Response(body, headers={"content-type": media_type})

    return routes


def balancer_routes(readiness: Readiness) -> APIRouter:
    """Return what a load balancer asks on the main port: whether, and nothing of why."""
    routes = _health()

    @routes.head("/readyz", include_in_schema=False)
    @routes.get("/readyz", summary="Can it do its work?", responses={_UNREADY: {}})
    async def readyz(response: Response) -> dict[str, str]:
        """Say what is needed and whether it is there: 200, or 503 while something is not."""
        return {"status": _status(readiness(), response)}

    return routes


def _health() -> APIRouter:
    routes = APIRouter(tags=["operations"])

    @routes.head("/healthz", include_in_schema=False)
    @routes.get("/healthz", summary="Does the process live?")
    async def healthz() -> dict[str, str]:
        """Answer while the process lives; nobody else is asked."""
        return {"status": "ok"}

    return routes


def _status(checks: Mapping[str, bool], response: Response) -> str:
    ready = all(checks.values())
    response.status_code = 200 if ready else _UNREADY
    return "ready" if ready else "not ready"
