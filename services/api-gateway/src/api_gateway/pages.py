"""Serves what people look at: the console, the API page and the API document.

Everything comes from this origin under a Content-Security-Policy that allows nothing else, except
a frame of the Grafana that was set. Files are revalidated at each use (`no-cache` with an ETag),
so that a new version shows at once and an unchanged one costs a 304.
"""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api_gateway.api_schemas import words_of
from api_gateway.catalogue import Rendered
from api_gateway.console_page import ConsolePage
from api_gateway.settings import GatewaySettings

_PACKAGE = Path(__file__).parent
_REVALIDATE = "no-cache"
_NOTHING = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"
_GUARDS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class GuardedFiles(StaticFiles):
    """Static files with a Content-Security-Policy, revalidated at each use."""

    def __init__(self, folder: Path, policy: str) -> None:
        super().__init__(directory=folder)
        self._headers = _headers(policy)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return a file, or 304 when the client has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(self._headers)
        return response


def console_policy(grafana_url: str) -> str:
    """Return the Content-Security-Policy of the console; only Grafana's origin may be framed."""
    grafana = urlsplit(grafana_url)
    frames = f"{grafana.scheme}://{grafana.netloc}" if grafana_url else "'none'"
    return (
        f"{_NOTHING}; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; manifest-src 'self'; frame-src {frames}"
    )


def page_routes(settings: GatewaySettings, current: Callable[[], Rendered]) -> list[BaseRoute]:
    """Return the routes of the console and of the API's documentation."""
    policy = console_policy(settings.grafana_url)
    console = ConsolePage()
    docs_policy = (
        f"{_NOTHING}; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'"
    )
    links = {"grafana_url": settings.grafana_url, "tempo_url": settings.tempo_url}

    async def index(request: Request) -> Response:
        return _revalidated(request, console.html, "text/html", console.etag, policy)

    async def configuration(_: Request) -> Response:
        told = {**links, "failure_codes": words_of(current().document, "FailureAnswer", "code")}
        return JSONResponse(told, headers={"Cache-Control": _REVALIDATE, **_GUARDS})

    async def document(request: Request) -> Response:
        rendered = current()
        return _revalidated(request, rendered.json, "application/json", rendered.etag, _NOTHING)

    async def page(request: Request) -> Response:
        rendered = current()
        return _revalidated(request, rendered.html, "text/html", rendered.etag, docs_policy)

    return [
        Route("/", index),
        *_led_to("/", "/console", "/console/", "/console/index.html", "/index.html"),
        *_led_to("/docs", "/docs/"),
        Route("/console/config.json", configuration),
        Mount("/console", GuardedFiles(_PACKAGE / "console", policy)),
        Route("/openapi.json", document),
        Route("/docs", page),
        Mount("/docs", GuardedFiles(_PACKAGE / "docs", docs_policy)),
    ]


def _led_to(page: str, *paths: str) -> list[BaseRoute]:
    """Return routes of paths that people try; the address says nothing of a host."""

    async def lead(_: Request) -> Response:
        return Response(status_code=308, headers={"Location": page, **_headers(_NOTHING)})

    return [Route(path, lead) for path in paths]


def _headers(policy: str) -> dict[str, str]:
    return {"Content-Security-Policy": policy, "Cache-Control": _REVALIDATE, **_GUARDS}


def _revalidated(
    request: Request, body: bytes, media_type: str, etag: str, policy: str
) -> Response:
    headers = {"ETag": etag, **_headers(policy)}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)
