"""A transport that joins apps in one process, with the faults that a network has."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from kurs.calls.errors import ConnectionLost, ResponseTimeout, Unreachable
from kurs.calls.message import Request, Response, StreamedResponse
from kurs_testing.exchange import Exchange, MountedApp


class FaultKind(StrEnum):
    """What goes wrong with a request."""

    UNREACHABLE = "unreachable"
    """No connection: the app sees nothing."""
    LOSE_REQUEST = "lose_request"
    """The connection breaks while sending: the app sees nothing, the caller cannot know."""
    LOSE_ACKNOWLEDGEMENT = "lose_acknowledgement"
    """The app handles the request to the end, then the connection breaks."""
    DELAY = "delay"
    """The request arrives `seconds` late, even when the caller has stopped waiting."""
    HANG = "hang"
    """The connection is there, and nothing ever answers."""


@dataclass(slots=True)
class Fault:
    """A fault, for the next `times` requests that `matches` accepts (None: until healed)."""

    kind: FaultKind
    times: int | None = None
    seconds: float = 0.0
    matches: Callable[[Request], bool] | None = None

    def take(self, request: Request) -> bool:
        """Return whether it strikes `request`, and count it."""
        if self.times == 0 or (self.matches is not None and not self.matches(request)):
            return False
        if self.times is not None:
            self.times -= 1
        return True


class AsgiTransport:
    """Routes requests by base URL to apps in this process.

    `async with transport:` runs the lifespans of all mounted apps. `requests` lists what was sent
    and `errors` what an app raised (a server would have answered 500, and so does this).
    """

    def __init__(self, apps: Mapping[str, ASGIApp] | None = None) -> None:
        self.requests: list[Request] = []
        self.errors: list[BaseException] = []
        self._apps = {_origin(url): MountedApp(app) for url, app in (apps or {}).items()}
        self._faults: dict[str, list[Fault]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def mount(self, base_url: str, app: ASGIApp) -> None:
        """Serve `app` under `base_url`; an app needs its transport before it can be made."""
        self._apps[_origin(base_url)] = MountedApp(app)

    def inject(
        self,
        base_url: str,
        kind: FaultKind,
        *,
        times: int | None = None,
        seconds: float = 0.0,
        matches: Callable[[Request], bool] | None = None,
    ) -> Fault:
        """Let requests to `base_url` fail; the first fault that matches a request strikes."""
        fault = Fault(kind, times, seconds, matches)
        self._faults.setdefault(_origin(base_url), []).append(fault)
        return fault

    def heal(self, base_url: str) -> None:
        """Remove the faults of `base_url`."""
        self._faults.pop(_origin(base_url), None)

    async def send(self, request: Request) -> Response:
        """Return the whole answer; raises Unreachable or OutcomeUnknown."""
        try:
            async with asyncio.timeout(request.timeout):
                exchange, fault = await self._begin(request)
                body = b"".join([chunk async for chunk in exchange.chunks()])
        except TimeoutError as error:
            raise ResponseTimeout(request.target, "no answer in time") from error
        if fault is FaultKind.LOSE_ACKNOWLEDGEMENT:
            await exchange.finished.wait()
            raise ConnectionLost(request.target, "the acknowledgement was lost")
        return Response(exchange.status, exchange.headers(), body, exchange.raw_headers)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[StreamedResponse]:
        """Yield an answer to be read in pieces; leaving tells the app that its client has gone."""
        try:
            async with asyncio.timeout(request.timeout):
                exchange, fault = await self._begin(request)
        except TimeoutError as error:
            raise ResponseTimeout(request.target, "no answer in time") from error
        if fault is FaultKind.LOSE_ACKNOWLEDGEMENT:
            exchange.disconnect()
            raise ConnectionLost(request.target, "the acknowledgement was lost")
        try:
            yield StreamedResponse(
                exchange.status, exchange.headers(), exchange.raw_headers, exchange.chunks()
            )
        finally:
            exchange.disconnect()

    async def close(self) -> None:
        """Do nothing: other apps still use it. `async with` ends it."""

    async def __aenter__(self) -> "AsgiTransport":
        for mounted in self._apps.values():
            await mounted.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.settle()
        for mounted in reversed(self._apps.values()):
            await mounted.stop()

    async def settle(self, seconds: float = 5.0) -> None:
        """Wait for requests whose callers have gone; cancel those that do not end in time."""
        if self._tasks:
            _, pending = await asyncio.wait(self._tasks, timeout=seconds)
            for task in pending:
                task.cancel()

    async def _begin(self, request: Request) -> tuple[Exchange, FaultKind | None]:
        origin = _origin(request.url)
        mounted = self._apps.get(origin)
        fault = next((f for f in self._faults.get(origin, ()) if f.take(request)), None)
        kind = fault.kind if fault else None
        if mounted is None or kind is FaultKind.UNREACHABLE:
            raise Unreachable(request.target, "connection refused")
        self.requests.append(_copy(request))
        if kind is FaultKind.LOSE_REQUEST:
            raise ConnectionLost(request.target, "the connection was reset")
        if kind is FaultKind.HANG:
            await asyncio.Event().wait()
        exchange = Exchange(request, mounted, fault.seconds if fault else 0.0)
        task = asyncio.get_running_loop().create_task(exchange.run(), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        await exchange.started.wait()
        return exchange, kind

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.errors.append(error)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _copy(request: Request) -> Request:
    return Request(
        request.method, request.url, request.headers.copy(), request.body, request.timeout
    )
