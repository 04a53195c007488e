"""The fake gateway on a port of its own, in a thread that a test can reach into."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

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
        self._server = uvicorn.Server(config)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(10)

    @property
    def url(self) -> str:
        """The base address."""
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def do(self, work: Callable[[FakeGateway], Result]) -> Result:
        """Run `work(gateway)` where the routes run, and return its result."""

        async def call() -> Result:
            return work(self.gateway)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(10)

    def stop(self) -> None:
        """End the server and its thread; open streams are cut first."""
        self.do(FakeGateway.cut)
        self._server.should_exit = True
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        serving = asyncio.ensure_future(self._server.serve())
        while not self._server.started:
            await asyncio.sleep(0.01)
        self._ready.set()
        await serving
