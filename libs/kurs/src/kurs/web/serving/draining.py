"""Serves an app from its start to its end: what was accepted is finished, and nothing is waited for
that a signal said to leave."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from types import FrameType
from typing import cast

import uvicorn
from fastapi import FastAPI

from kurs.kernel.settings import CannotRun, ServiceSettings
from kurs.web.serving.connection import Connection
from kurs.web.serving.port import Bounds, Port
from kurs.web.serving.watchdog import Watchdog

logger = logging.getLogger(__name__)

IN_FLIGHT_SECONDS = 12
"""How long requests in flight may take after the last one was accepted: longer than any caller
waits for an answer."""
_CLOSE = (b"connection", b"close")
_LATE_SECONDS = 0.1
"""How long a connection that was made in the last moment may take to bring its request."""
_HURRY_SECONDS = 0.1
"""How long each thing that is still to be closed may take after a second signal."""
_TICKS_PER_SWEEP = 5
_TURNS = 10
"""Of the event loop: one takes in connections, the next starts to read them, another reads."""


class DrainingServer(uvicorn.Server):
    """Finishes what it accepted: on SIGTERM it turns unready, says `Connection: close` for a
    moment, then stops listening, waits for requests in flight, and exits with 0.

    Requests that the process has been sent and has not read yet are in flight, too. A second
    signal ends the waiting, also for what the app closes. Before it has started, nothing is in
    flight: it gives its start up. On SIGHUP it does the same and `starts_anew` is set, if no other
    signal came before or comes after.
    """

    def __init__(self, app: FastAPI, settings: ServiceSettings, watchdog: Watchdog) -> None:
        super().__init__(_config(settings, app))
        self._app = app
        self._life = AsyncExitStack()
        self._starting: asyncio.Task[None] | None = None
        self._state = app.state
        self._drain_seconds = settings.drain_seconds
        self._operations_port = settings.operations_port
        operations = Port(
            Bounds.of_operations(settings), app.state.port.count, app.state.operations
        )
        self._ports: tuple[Port, Port] = (app.state.port, operations)
        self._watchdog = watchdog
        self.starts_anew = False

    @property
    def told_to_end(self) -> bool:
        """Whether a signal asked the process to end."""
        return bool(self._state.draining)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal, and end what the app is made of, however far it came."""
        with self.capture_signals():
            try:
                await self._serve(sockets)
            finally:
                await self._end()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app, listen, and then on the operations port, too."""
        await self._start()
        if self.should_exit:
            return
        await super().startup(sockets)
        if self._operations_port and not self.should_exit:
            await self._listen_for_operations()

    async def _start(self) -> None:
        """Start what the app is made of; `should_exit` when it cannot, or need not any more."""
        self._starting = asyncio.current_task()
        assert self._starting is not None
        try:
            await self._life.enter_async_context(self._app.router.lifespan_context(self._app))
        except asyncio.CancelledError:
            if not self.told_to_end:
                raise
            self._starting.uncancel()
            self.should_exit = True
            logger.info("told to end before it had started")
        except Exception as error:
            self.should_exit = True
            why = str(error) if isinstance(error, CannotRun) else "it cannot start"
            logger.error(why, exc_info=None if isinstance(error, CannotRun) else error)
        finally:
            self._starting = None

    async def _end(self) -> None:
        """End what the app is made of; in a hurry, give up what is waited for, thing by thing."""
        ending = asyncio.create_task(self._close())
        while not (await asyncio.wait([ending], timeout=_HURRY_SECONDS))[0]:
            if self.force_exit:
                ending.cancel()

    async def _close(self) -> None:
        try:
            await self._life.aclose()
        except Exception:
            logger.exception("it cannot end in order")

    async def _listen_for_operations(self) -> None:
        protocol = partial(
            Connection,
            self.config,
            self.server_state,
            self.lifespan.state,
            port=self._ports[1],
        )
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(protocol, self.config.host, self._operations_port)
        except OSError as error:
            logger.error("no operations port: %s", error)
            self.started = False
            self.should_exit = True
            return
        self.servers.append(server)

    async def on_tick(self, counter: int) -> bool:
        """Do what uvicorn does ten times a second, and end overdue connections now and then."""
        self._watchdog.beat()
        if counter % _TICKS_PER_SWEEP == 0:
            for port in self._ports:
                port.sweep(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT; unlike uvicorn, do not raise them again at the end."""
        previous = {
            number: signal.signal(number, self._on_signal)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        }
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, read what has come until then, and end when all of it is answered.

        uvicorn would close at once what is idle as far as it has read: connections that wait to
        be accepted and requests that wait to be read would be reset.
        """
        self._watchdog.stop()
        await _read_all()
        for server in self.servers:
            server.close()
        if not self.force_exit:
            await asyncio.sleep(_LATE_SECONDS)
        await _read_all()
        await super().shutdown(sockets)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        is_first = not self._state.draining
        self.starts_anew = number == signal.SIGHUP and (is_first or self.starts_anew)
        if not is_first:
            self.should_exit = self.force_exit = True
            return
        self._state.draining = True
        loop = asyncio.get_running_loop()
        # Not here: a signal can come between the head of an answer and its body.
        loop.call_soon_threadsafe(self._end_start)
        loop.call_soon_threadsafe(self._end_keep_alive)
        loop.call_later(self._drain_seconds, self._stop_listening)

    def _end_start(self) -> None:
        if self._starting is not None:
            self._starting.cancel()

    def _end_keep_alive(self) -> None:
        """Let every answer that has not begun end its connection, and say so.

        Done once here, in the server's own headers, and not in a layer that every request passes.
        """
        self.config.encoded_headers.append(_CLOSE)
        self.server_state.default_headers.append(_CLOSE)
        for connection in self.server_state.connections:
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_started:
                cycle.keep_alive = False

    def _stop_listening(self) -> None:
        self.should_exit = True


async def _read_all() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


def _config(settings: ServiceSettings, app: FastAPI) -> uvicorn.Config:
    port: Port = app.state.port
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=cast("type[asyncio.Protocol]", partial(Connection, port=port)),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=IN_FLIGHT_SECONDS,
        backlog=2048,
    )
