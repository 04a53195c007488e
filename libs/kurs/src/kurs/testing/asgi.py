"""A transport that joins apps in one process, with the faults that a network has.

An app runs in a task and a context of its own, as behind a socket: nothing leaks from the caller,
and a caller that stops waiting does not stop the app.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, urlsplit

from multidict import CIMultiDict, CIMultiDictProxy
from starlette.types import ASGIApp, Message, Scope

from kurs.http.errors import ConnectionLost, ResponseTimeout, Unreachable
from kurs.http.message import Request, Response, StreamedResponse


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
        self._apps = {_origin(url): _Mounted(app) for url, app in (apps or {}).items()}
        self._faults: dict[str, list[Fault]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def mount(self, base_url: str, app: ASGIApp) -> None:
        """Serve `app` under `base_url`; an app needs its transport before it can be made."""
        self._apps[_origin(base_url)] = _Mounted(app)

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
            raise ResponseTimeout(request.url, "no answer in time") from error
        if fault is FaultKind.LOSE_ACKNOWLEDGEMENT:
            await exchange.finished.wait()
            raise ConnectionLost(request.url, "the acknowledgement was lost")
        return Response(exchange.status, exchange.headers(), body, exchange.raw_headers)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[StreamedResponse]:
        """Yield an answer to be read in pieces; leaving tells the app that its client has gone."""
        try:
            async with asyncio.timeout(request.timeout):
                exchange, fault = await self._begin(request)
        except TimeoutError as error:
            raise ResponseTimeout(request.url, "no answer in time") from error
        if fault is FaultKind.LOSE_ACKNOWLEDGEMENT:
            exchange.disconnect()
            raise ConnectionLost(request.url, "the acknowledgement was lost")
        try:
            yield StreamedResponse(
                exchange.status, exchange.headers(), exchange.raw_headers, exchange.chunks()
            )
        finally:
            exchange.disconnect()

    async def close(self) -> None:
        """Wait for the requests whose callers have gone; the apps share this transport."""
        current = asyncio.current_task()
        pending = [t for t in self._tasks if t is not current]
        if pending:
            await asyncio.wait(pending, timeout=5)

    async def __aenter__(self) -> "AsgiTransport":
        for mounted in self._apps.values():
            await mounted.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for mounted in reversed(self._apps.values()):
            await mounted.stop()

    async def _begin(self, request: Request) -> "tuple[_Exchange, FaultKind | None]":
        origin = _origin(request.url)
        mounted = self._apps.get(origin)
        fault = next((f for f in self._faults.get(origin, ()) if f.take(request)), None)
        kind = fault.kind if fault else None
        if mounted is None or kind is FaultKind.UNREACHABLE:
            raise Unreachable(request.url, "connection refused")
        self.requests.append(_copy(request))
        if kind is FaultKind.LOSE_REQUEST:
            raise ConnectionLost(request.url, "the connection was reset")
        if kind is FaultKind.HANG:
            await asyncio.Event().wait()
        exchange = _Exchange(request, mounted, fault.seconds if fault else 0.0)
        task = asyncio.get_running_loop().create_task(exchange.run(), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        await exchange.started.wait()
        return exchange, kind

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.errors.append(error)


class _Mounted:
    """An app with its lifespan and the state that the lifespan gave it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(
            self._run(self.app(scope, self._to_app.get, self._from_app.put)), context=Context()
        )
        await self._say("startup")

    async def stop(self) -> None:
        if self._task is not None:
            await self._say("shutdown")
            await self._task
            self._task = None

    async def _run(self, lifespan: Awaitable[None]) -> None:
        await lifespan

    async def _say(self, event: str) -> None:
        assert self._task is not None
        await self._to_app.put({"type": f"lifespan.{event}"})
        answer = asyncio.ensure_future(self._from_app.get())
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done() and answer.result()["type"] == f"lifespan.{event}.complete":
            return
        answer.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        raise RuntimeError(f"the app did not complete its {event}")


class _Exchange:
    """One request and its answer, between a caller and an app's task."""

    def __init__(self, request: Request, mounted: _Mounted, delay: float) -> None:
        self._request = request
        self._mounted = mounted
        self._delay = delay
        self._body: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._read = False
        self.started = asyncio.Event()
        self.finished = asyncio.Event()
        self.status = 500
        self.raw_headers: tuple[tuple[bytes, bytes], ...] = ()

    async def run(self) -> None:
        await asyncio.sleep(self._delay)
        try:
            await self._mounted.app(self._scope(), self._receive, self._send)
        finally:
            self.started.set()
            self.finished.set()
            self._body.put_nowait(None)

    def headers(self) -> CIMultiDictProxy[str]:
        decoded = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in self.raw_headers]
        return CIMultiDictProxy(CIMultiDict(decoded))

    async def chunks(self) -> AsyncIterator[bytes]:
        while (chunk := await self._body.get()) is not None:
            yield chunk

    def disconnect(self) -> None:
        self._gone.set()

    async def _receive(self) -> Message:
        if not self._read:
            self._read = True
            return {"type": "http.request", "body": self._request.body or b"", "more_body": False}
        waiting = asyncio.ensure_future(self._gone.wait())
        try:
            await waiting
        finally:
            waiting.cancel()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.raw_headers = tuple((bytes(n), bytes(v)) for n, v in message["headers"])
            self.started.set()
        elif message["type"] == "http.response.body":
            if message.get("body"):
                self._body.put_nowait(message["body"])
            if not message.get("more_body"):
                self._body.put_nowait(None)

    def _scope(self) -> Scope:
        url = urlsplit(self._request.url)
        headers = [(b"host", url.netloc.encode())]
        headers += [
            (n.lower().encode("latin-1"), v.encode("latin-1"))
            for n, v in self._request.headers.items()
        ]
        if self._request.body is not None:
            headers.append((b"content-length", str(len(self._request.body)).encode()))
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": self._request.method,
            "scheme": url.scheme,
            "path": unquote(url.path) or "/",
            "raw_path": url.path.encode(),
            "query_string": url.query.encode(),
            "root_path": "",
            "headers": headers,
            "client": ("127.0.0.1", 0),
            "server": (url.hostname, url.port),
            "state": self._mounted.state.copy(),
        }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _copy(request: Request) -> Request:
    return Request(
        request.method, request.url, request.headers.copy(), request.body, request.timeout
    )
