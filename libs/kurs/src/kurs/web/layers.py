"""The layers that a request passes before the framework: those of the hot path stand here.

The framework's own way from a request to a route costs more than what a direct route does (0.1 ms
of CPU); so its layers come last, for the routes that need them.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from opentelemetry.trace import get_current_span
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kurs.web.direct import DirectRoute

Layer = Callable[[ASGIApp], ASGIApp]
AnswerError = Callable[[Request, Exception], Response]
Direct = dict[tuple[str, str], DirectRoute]
"""Direct routes by method and path."""
_FAULT = 500
_NO_STORE = (b"cache-control", b"no-store")


class ServiceApp(FastAPI):
    """FastAPI behind `layers`, the outermost first, and behind its own direct routes.

    `answer_error` makes the answer of what a direct route raises.
    """

    def __init__(
        self, *, layers: Sequence[Layer], answer_error: AnswerError, **options: Any
    ) -> None:
        self._layers = layers
        self._answer_error = answer_error
        self._direct: Direct = {}
        # The Location of such a redirect would repeat whatever Host the client sent.
        super().__init__(redirect_slashes=False, docs_url=None, redoc_url=None, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; FastAPI's own entry looks for instrumentation every time (7 µs)."""
        if scope["type"] == "http" and self.middleware_stack is not None:
            scope["app"] = self
            await self.middleware_stack(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def include_router(self, router: APIRouter, **options: Any) -> None:
        """Add the routes of `router`; its direct ones are called directly."""
        super().include_router(router, **options)
        for route in router.routes:
            if isinstance(route, DirectRoute):
                self._direct.update({(method, route.path): route for method in route.methods or ()})

    def build_middleware_stack(self) -> ASGIApp:
        """Return what a request passes, from the outermost layer on."""
        framework = FaultsEnd(super().build_middleware_stack())
        stack: ASGIApp = DirectRoutes(framework, self._direct, self._answer_error)
        for layer in reversed(self._layers):
            stack = layer(stack)
        return stack


class DirectRoutes:
    """ASGI middleware that calls direct routes; everything else goes to `app`."""

    def __init__(self, app: ASGIApp, routes: Direct, answer_error: AnswerError) -> None:
        self._app = app
        self._routes = routes
        self._answer_error = answer_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; one whose client has gone gets no answer."""
        route = self._routes.get((scope["method"], scope["path"])) if "method" in scope else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        request = Request(scope, receive)
        try:
            response: Response = await route.endpoint(request)
        except ClientDisconnect:
            return
        except Exception as error:
            response = self._answer_error(request, error)
            if response.status_code == _FAULT:
                # The framework raises a fault again, and the telemetry sees it; here it ends.
                get_current_span().record_exception(error)
        await response(scope, receive, send)


class FaultsEnd:
    """ASGI middleware in which a fault ends whose answer has been given.

    The framework answers 500 and raises the fault again, for whoever counts them. The server would
    then close the connection after an answer that did not say so, and fail the next request on it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; a fault after half an answer is raised."""
        whole = False

        async def watched(message: Message) -> None:
            nonlocal whole
            await send(message)
            body = message["type"] == "http.response.body"
            whole = whole or (body and not message.get("more_body", False))

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if not whole:
                raise
            get_current_span().record_exception(error)


class NoStore:
    """ASGI middleware that lets nobody keep an answer: balances are not for caches.

    What has an ETag (the console, the API's page) says itself how it may be kept.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a `send` that adds the header."""

        async def unstored(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _unstored(message.get("headers", ()))
            await send(message)

        await self._app(scope, receive, unstored)


def _unstored(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    kept = list(headers)
    names = [name for name, _ in kept]
    if b"etag" in names:
        return kept
    if b"cache-control" in names:
        kept = [field for field in kept if field[0] != b"cache-control"]
    return [*kept, _NO_STORE]


class BodyLimitExceeded(HTTPException):
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
                raise BodyLimitExceeded(413, f"the body may have {self._limit} bytes")
            return message

        await self._app(scope, counted, send)
