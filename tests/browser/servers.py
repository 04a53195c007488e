"""The fake gateway and a fake Grafana, each on a port of its own."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar
from urllib.parse import urlsplit

import uvicorn
from tests.browser.fake_gateway import FakeGateway
from tests.browser.fake_routes import create_app

Result = TypeVar("Result")


class FakeServer:
    """A running fake gateway; `do(work)` runs work in its loop and returns the result."""

    def __init__(self) -> None:
        self.gateway = FakeGateway()
        app = create_app(self.gateway)
        config = uvicorn.Config(
            app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1
        )
        ready = threading.Event()
        self._server = _Announcing(config, ready)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert ready.wait(30)

    @property
    def url(self) -> str:
        """The base address."""
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def do(self, work: Callable[[FakeGateway], Result]) -> Result:
        """Run `work(gateway)` where the routes run, and return its result."""

        async def call() -> Result:
            return work(self.gateway)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(30)

    def stop(self) -> None:
        """End the server and its thread; open streams are cut first."""
        self.do(lambda gateway: gateway.frozen.clear())
        self.do(FakeGateway.cut)
        self._server.should_exit = True
        self._thread.join(30)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve()


@contextmanager
def stand_in() -> Iterator[str]:
    """Serve pages of another origin, each with its path as text; yields the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _SaysItsPath)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _SaysItsPath(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = f"<!doctype html><title>Stand-in</title><p>{urlsplit(self.path).path}</p>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Announcing(uvicorn.Server):
    """A server that tells another thread when it listens."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self._ready.set()
