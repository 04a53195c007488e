"""Ctrl-C, SIGTERM, a closed terminal: each ends a command the orderly way and in full."""

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

import uvloop

_Returned = TypeVar("_Returned")
# SIGHUP: the terminal was closed.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked the command to end; not an Exception, so that no handler swallows it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def raise_on_signals() -> None:
    """From now on, SIGINT, SIGTERM and SIGHUP raise Interrupted in the main thread."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)


def run_interruptible(work: Coroutine[Any, Any, _Returned]) -> _Returned:
    """Run `work` on an event loop; a signal cancels it and raises Interrupted when it has ended.

    An exception out of a signal handler would end in the loop's log, not here.
    """
    previous = {number: signal.getsignal(number) for number in _SIGNALS}
    came: list[int] = []

    async def run() -> _Returned:
        task = asyncio.ensure_future(work)

        def cancel(number: int) -> None:
            came.append(number)
            task.cancel()

        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, cancel, number)
        return await task

    try:
        return uvloop.run(run())
    except asyncio.CancelledError:
        if came:
            raise Interrupted(came[0]) from None
        raise
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted(*, redeliver: bool = False) -> Iterator[None]:
    """Hold both signals back inside: no process may be lost between its start and its record.

    With `redeliver` a signal that came is delivered at the end, else it is dropped: what it asks
    for is under way. Outside the main thread, where no handler can be set, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    # A function, not SIG_IGN: a child would inherit that and ignore our SIGTERM.
    def remember(number: int, _: FrameType | None) -> None:
        came.append(number)

    previous = {number: signal.signal(number, remember) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if redeliver and came:
        signal.raise_signal(came[0])


def _interrupt(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)
