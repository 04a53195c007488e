"""The app's side of the in-process transport: its lifespan, and one request to it at a time.

An app runs in a task and a context of its own, as behind a socket: nothing leaks from the caller,
and a caller that stops waiting does not stop the app.
"""

import asyncio
from collections.abc import AsyncIterator
from contextvars import Context
from typing import Any
from urllib.parse import unquote, urlsplit

from multidict import CIMultiDict, CIMultiDictProxy
from starlette.types import ASGIApp, Message, Scope

from kurs.calls.errors import ConnectionLost
from kurs.calls.message import RawHeaders, Request


class MountedApp:
    """An app with its lifespan and the state that the lifespan gave it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.state: dict[str, Any] = {}
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin its lifespan, if it has one; raises what kept it from starting."""
        scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": self.state}
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run(scope), context=Context())
        await self._say("startup")

    async def stop(self) -> None:
        """End its lifespan."""
        if self._task is not None:
            await self._say("shutdown")
        if self._task is not None:
            await self._task
            self._task = None

    async def _run(self, scope: Scope) -> None:
        await self.app(scope, self._to_app.get, self._from_app.put)

    async def _say(self, event: str) -> None:
        assert self._task is not None
        await self._to_app.put({"type": f"lifespan.{event}"})
        answer = asyncio.ensure_future(self._from_app.get())
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if answer.done() and answer.result()["type"] == f"lifespan.{event}.complete":
            return
        answer.cancel()
        await self._task
        self._task = None
        if answer.done() and not answer.cancelled():
            raise RuntimeError(f"the app did not complete its {event}")


class Exchange:
    """One request and its answer, between a caller and an app's task."""

    def __init__(self, request: Request, mounted: MountedApp, delay: float) -> None:
        self._request = request
        self._mounted = mounted
        self._delay = delay
        self._body: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._read = False
        self._begun = False
        self._complete = False
        self.started = asyncio.Event()
        self.finished = asyncio.Event()
        self.status = 500
        self.raw_headers: RawHeaders = ()

    async def run(self) -> None:
        """Let the app handle the request."""
        await asyncio.sleep(self._delay)
        try:
            await self._mounted.app(self._scope(), self._receive, self._send)
        finally:
            self.break_off()

    def break_off(self) -> None:
        """Let the caller see that nothing more comes."""
        self.started.set()
        self.finished.set()
        self._body.put_nowait(None)

    def headers(self) -> CIMultiDictProxy[str]:
        """Return the headers of the answer."""
        decoded = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in self.raw_headers]
        return CIMultiDictProxy(CIMultiDict(decoded))

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; raises ConnectionLost when the app broke off."""
        while (chunk := await self._body.get()) is not None:
            yield chunk
        if self._is_lost():
            raise ConnectionLost(self._request.target, "the answer broke off")

    def disconnect(self) -> None:
        """Tell the app that its client has gone."""
        self._gone.set()

    def _is_lost(self) -> bool:
        """Whether the answer broke off; one that never began is the transport's to tell."""
        return self._begun and not self._complete

    async def _receive(self) -> Message:
        if not self._read:
            self._read = True
            return {"type": "http.request", "body": self._request.body or b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._gone.is_set():
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.raw_headers = tuple((bytes(n), bytes(v)) for n, v in message["headers"])
            self._begun = True
            self.started.set()
        elif message["type"] == "http.response.body":
            if message.get("body"):
                self._body.put_nowait(message["body"])
            if not message.get("more_body"):
                self._complete = True
                self._body.put_nowait(None)

    def _scope(self) -> Scope:
        url = urlsplit(self._request.url)
        headers = [(b"host", url.netloc.encode())]
        headers += [
            # In UTF-8, as the real transport sends them.
            (n.lower().encode(), v.encode())
            for n, v in self._request.headers.items()
        ]
        if self._request.body is not None:
            headers.append((b"content-length", str(len(self._request.body)).encode()))
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
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
