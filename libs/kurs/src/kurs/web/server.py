"""Runs a service: `python -m wallet` serves, `python -m wallet migrate` migrates its database."""

import contextlib
import gc
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FrameType
from typing import NoReturn

from fastapi import FastAPI

from kurs.kernel.settings import CannotRun, ServiceSettings, Settings, read_settings
from kurs.telemetry import Telemetry
from kurs.telemetry.logs import unblock_standard_output
from kurs.telemetry.metrics import stop_counting
from kurs.web.serving.draining import DrainingServer
from kurs.web.serving.watchdog import Watchdog

Command = Callable[[Settings, Sequence[str]], None]
"""What a word after `python -m <service>` does with those that follow; raises CannotRun."""
_CANNOT_RUN, _NOT_STARTED, _SIGNALLED = 2, 3, 128
_LOG_SECONDS = 1.0
"""How long the last lines of the log may take."""


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
    cannot run says so in one line and exits with 2; so does a command that a signal ends, with 128
    and the signal's number.
    """
    with _ended_by_signals(kind):
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
            _say_and_exit(kind, str(error), _CANNOT_RUN)


@contextlib.contextmanager
def _ended_by_signals(kind: type[ServiceSettings]) -> Iterator[None]:
    """Let SIGTERM end what runs as Ctrl-C does, which asyncio makes an end in order.

    The first process of a container would not even end by it, as others do.
    """
    came = [signal.SIGINT]

    def end(number: int, frame: FrameType | None) -> None:
        came.append(signal.Signals(number))
        interrupt = signal.getsignal(signal.SIGINT)
        (interrupt if callable(interrupt) else signal.default_int_handler)(signal.SIGINT, frame)

    previous = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except KeyboardInterrupt:
        _say_and_exit(kind, f"ended by {came[-1].name}", _SIGNALLED + came[-1])
    finally:
        signal.signal(signal.SIGTERM, previous)


def _say_and_exit(kind: type[ServiceSettings], why: str, code: int) -> NoReturn:
    sys.stderr.write(f"{kind.model_fields['service'].default}: {why}\n")
    sys.exit(code)


def _serve(settings: Settings, create: Callable[[Settings], FastAPI]) -> None:
    if not settings.metrics_enabled:
        stop_counting()
    output = unblock_standard_output()
    app = create(settings)
    telemetry: Telemetry = app.state.telemetry
    telemetry.route_standard_logging()
    output.dropped = telemetry.lost_lines.inc
    _allow_files(settings.max_connections)
    server = DrainingServer(app, settings, _watchdog(settings, app))
    _settle_garbage_collector()
    server.run()
    output.finish(_LOG_SECONDS)
    if not server.started and not server.told_to_end:
        sys.exit(_NOT_STARTED)
    if server.starts_anew:
        # The same process with the code that is there now: for a pod whose files were synced.
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606


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
