"""Runs a service: `python -m wallet` serves, `python -m wallet migrate` migrates its database."""

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import FrameType
from typing import NoReturn, cast

import uvicorn
from fastapi import FastAPI

from kurs.kernel.settings import CannotRun, ServiceSettings, Settings, read_settings
from kurs.telemetry import Telemetry
from kurs.telemetry.logs import unblock_standard_output
from kurs.telemetry.metrics import stop_counting
from kurs.web.serving.connection import Connection
from kurs.web.serving.port import Bounds, Port
from kurs.web.serving.watchdog import Watchdog

logger = logging.getLogger(__name__)

IN_FLIGHT_SECONDS = 12
"""How long requests in flight may take after the last one was accepted: longer than any caller
waits for an answer."""
Command = Callable[[Settings, Sequence[str]], None]
"""What a word after `python -m <service>` does with those that follow; raises CannotRun."""
_CANNOT_RUN = 2
_CLOSE = (b"connection", b"close")
_LATE_SECONDS = 0.1
"""How long a connection that was made in the last moment may take to bring its request."""
_LOG_SECONDS = 1.0
"""How long the last lines of the log may take."""
_TICKS_PER_SWEEP = 5
_TURNS = 10
"""Of the event loop: one takes in connections, the next starts to read them, another reads."""


class DrainingServer(uvicorn.Server):
    """Finishes what it accepted: on SIGTERM it turns unready, says `Connection: close` for a
    moment, then stops listening, waits for requests in flight, and exits with 0.

    Requests that the process has been sent and has not read yet are in flight, too. A second
    signal ends the waiting. On SIGHUP it does the same and `starts_anew` is set.
    """

    def __init__(
        self, config: uvicorn.Config, app: FastAPI, settings: ServiceSettings, watchdog: Watchdog
    ) -> None:
        super().__init__(config)
        self._state = app.state
        self._drain_seconds = settings.drain_seconds
        self._operations_port = settings.operations_port
        operations = Port(
            Bounds.of_operations(settings), app.state.port.count, app.state.operations
        )
        self._ports: tuple[Port, Port] = (app.state.port, operations)
        self._watchdog = watchdog
        self.starts_anew = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on the operations port too, once the service listens on its own."""
        await super().startup(sockets)
        if not self._operations_port or self.should_exit:
            return
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
            await self.lifespan.shutdown()
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
        self.starts_anew = number == signal.SIGHUP
        if self._state.draining:
            self.should_exit = self.force_exit = True
            return
        self._state.draining = True
        loop = asyncio.get_running_loop()
        # Not here: a signal can come between the head of an answer and its body.
        loop.call_soon_threadsafe(self._end_keep_alive)
        loop.call_later(self._drain_seconds, self._stop_listening)

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


def main(
    kind: type[Settings],
    create: Callable[[Settings], FastAPI],
    *,
    migrate: Callable[[Settings], None] | None = None,
    commands: Mapping[str, Command[Settings]] | None = None,
) -> None:
    """Run the command line of a service, whose settings are of a `kind`.

    `migrate` brings its database up to date, if it has one: without one, nothing that knows of
    databases is loaded, or has to be installed. `commands` are the service's own, by name. What
    cannot run says so in one line and exits with 2.
    """
    try:
        settings = read_settings(kind)
        if not sys.argv[1:]:
            _serve(settings, create)
            return
        known = dict(commands or {})
        if migrate is not None:
            known["migrate"] = _without_arguments(migrate)
        _run(known, settings)
    except CannotRun as error:
        _say_and_exit(kind, error)


def _say_and_exit(kind: type[ServiceSettings], error: CannotRun) -> NoReturn:
    sys.stderr.write(f"{kind.model_fields['service'].default}: {error}\n")
    sys.exit(_CANNOT_RUN)


def _serve(settings: Settings, create: Callable[[Settings], FastAPI]) -> None:
    if not settings.metrics_enabled:
        stop_counting()
    output = unblock_standard_output()
    app = create(settings)
    telemetry: Telemetry = app.state.telemetry
    telemetry.route_standard_logging()
    output.dropped = telemetry.lost_lines.inc
    _allow_files(settings.max_connections)
    server = DrainingServer(_config(settings, app), app, settings, _watchdog(settings, app))
    _settle_garbage_collector()
    server.run()
    output.finish(_LOG_SECONDS)
    if not server.started:
        sys.exit(3)
    if server.starts_anew:
        # The same process with the code that is there now: for a pod whose files were synced.
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606


def _config(settings: ServiceSettings, app: FastAPI) -> uvicorn.Config:
    port: Port = app.state.port
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=cast("type[asyncio.Protocol]", partial(Connection, port=port)),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=IN_FLIGHT_SECONDS,
        backlog=2048,
    )


def _run(known: Mapping[str, Command[Settings]], settings: Settings) -> None:
    _, name, *arguments = sys.argv
    if name not in known:
        names = ", ".join(["serve (no argument)", *sorted(known)])
        raise CannotRun(f"unknown command {name!r}; known: {names}")
    known[name](settings, arguments)


def _without_arguments(work: Callable[[Settings], None]) -> Command[Settings]:
    def run(settings: Settings, arguments: Sequence[str]) -> None:
        if arguments:
            raise CannotRun(f"unknown argument {arguments[0]!r}")
        work(settings)

    return run


def _watchdog(settings: ServiceSettings, app: FastAPI) -> Watchdog:
    logger = app.state.telemetry.logger

    def report(seconds: float, frames: list[str]) -> None:
        logger.critical("event loop stands still", seconds=round(seconds, 1), stack=frames)
        unblock_standard_output().finish(_LOG_SECONDS)

    return Watchdog(settings.watchdog_seconds, report)


def _allow_files(connections: int) -> None:
    """Let the process open as many files as its connections need, if the system lets it.

    Each may bring one to another service, and one to the database.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4 * connections
    if soft < wanted and soft != resource.RLIM_INFINITY:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _settle_garbage_collector() -> None:
    """Keep what the start made out of every later collection, and collect less often.

    Requests leave few cycles behind; looking for them took a twentieth of the time at load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
