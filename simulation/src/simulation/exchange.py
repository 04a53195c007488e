"""One request at a simulated process: the app's side of a message, until it answers or dies."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from multidict import CIMultiDict, CIMultiDictProxy
from starlette.types import ASGIApp, Message, Scope

from kurs.calls.errors import ConnectionLost
from kurs.calls.message import RawHeaders, Request
from simulation.process import Process


@dataclass(eq=False, slots=True)
class Served:
    """An app that a process serves; the network sends it requests while it is `ready`."""

    process: Process
    app: ASGIApp
    ready: bool = True
    state: dict[str, Any] = field(default_factory=dict)
    open: "set[Exchange]" = field(default_factory=set)


class Exchange:
    """A request and its answer."""

    def __init__(self, request: Request, served: Served) -> None:
        self.served = served
        self.started = asyncio.Event()
        self.status = 500
        self.raw_headers: RawHeaders = ()
        self._request = request
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._read = self._complete = False

    async def run(self, wait: float) -> None:
        """Let the app handle the request, in its own process."""
        await asyncio.sleep(wait)
        try:
            await self.served.app(self._scope(), self._receive, self._send)
        finally:
            self.break_off()

    def headers(self) -> CIMultiDictProxy[str]:
        """Return the headers of the answer."""
        decoded = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in self.raw_headers]
        return CIMultiDictProxy(CIMultiDict(decoded))

    async def whole(self) -> bytes:
        """Return the body; raises ConnectionLost when the process died or the app broke off."""
        return b"".join([piece async for piece in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; raises ConnectionLost when it breaks off."""
        while (piece := await self._pieces.get()) is not None:
            yield piece
        if not self._complete:
            raise ConnectionLost(self._request.target, "the answer broke off")

    def disconnect(self) -> None:
        """Tell the app that its client has gone."""
        self._gone.set()

    def break_off(self) -> None:
        """Let the caller see that nothing more comes."""
        self.started.set()
        self._pieces.put_nowait(None)

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
            self.started.set()
        elif message["type"] == "http.response.body":
            if message.get("body"):
                self._pieces.put_nowait(message["body"])
            if not message.get("more_body"):
                self._complete = True
                self._pieces.put_nowait(None)

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
            "state": self.served.state.copy(),
        }
