"""Runs a service: `python -m wallet` serves, `python -m wallet migrate` migrates its database."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kurs.migrations import migrate
from kurs.settings import ServiceSettings


class DrainingServer(uvicorn.Server):
    """Finishes what it accepted: on SIGTERM it turns unready, says `Connection: close` for a
    moment, then stops listening, waits for requests in flight, and exits with 0.

    A second signal ends the waiting.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_seconds: float) -> None:
        super().__init__(config)
        self._state = app.state
        self._drain_seconds = drain_seconds

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT; unlike uvicorn, do not raise them again at the end."""
        previous = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, _: int, __: FrameType | None) -> None:
        if self._state.draining:
            self.should_exit = self.force_exit = True
            return
        self._state.draining = True
        asyncio.get_running_loop().call_later(self._drain_seconds, self._stop_listening)

    def _stop_listening(self) -> None:
        self.should_exit = True


class ClosingConnections:
    """ASGI middleware that ends keep-alive while the service drains."""

    def __init__(self, app: ASGIApp, owner: FastAPI) -> None:
        self._app = app
        self._state = owner.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with `Connection: close` on its answer while draining."""
        if not self._state.draining or scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ()), (b"connection", b"close")]
                message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, closing)


def main(
    settings: ServiceSettings,
    create: Callable[[], FastAPI],
    *,
    versions: Path | None = None,
    front: Callable[[FastAPI], ASGIApp] = lambda app: app,
) -> None:
    """Run the command line of a service.

    `versions` is the folder of its alembic revisions, if it has a database; `front` may put a
    pure ASGI layer before the app.
    """
    if sys.argv[1:] == ["migrate"] and versions is not None:
        migrate(settings.database_url, versions)
        return
    if sys.argv[1:]:
        known = "serve (no argument)" + (" or migrate" if versions else "")
        sys.exit(f"{settings.service}: unknown command {sys.argv[1]!r}; known: {known}")
    app = create()
    app.state.telemetry.route_standard_logging()
    config = uvicorn.Config(
        ClosingConnections(front(app), app),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=25,
        backlog=2048,
    )
    server = DrainingServer(config, app, settings.drain_seconds)
    server.run()
    if not server.started:
        sys.exit(3)
