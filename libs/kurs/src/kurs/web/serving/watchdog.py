"""Ends a process whose event loop stands still, with the stack of what it stands in.

A process that answers nothing, its probes included, is worth less than one that starts anew. Two
watch it, since neither sees everything. A thread sees a loop that waits, or computes in Python, and
writes where into the log. A timer of CPU time sees a loop inside of one long call into C, which
lets no other thread run (`10**999999999`); the stack then goes to the standard error.

Neither counts time in which the process did not run (stopped, suspended, starved of CPU): the timer
counts CPU time, and so does the thread while the loop computes; of the time in which the loop waits
it counts only turns of its own that came when they should.
"""

import ctypes
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable

EXIT_CODE = int(signal.SIGPROF)
"""With which such a process ends: 27, told from every other end."""

_TURNS = 20
"""In which the thread counts the seconds."""
_MARGIN_SECONDS = 1.0
"""By which the timer comes later: the thread says more, if it can run."""
_WORKING_SHARE = 0.02
"""Of its time that a loop has the CPU when it computes, on however busy a machine."""
_FRAMES = 40
_LOG_SECONDS = 1.0

Report = Callable[[float, list[str]], None]
"""Is told how many seconds the loop stood still, and the frames it is in, the innermost last."""


class Watchdog:
    """Watches the event loop of the thread that calls `beat`; `seconds` 0 watches nothing."""

    def __init__(self, seconds: float, report: Report) -> None:
        self._seconds = seconds
        self._report = report
        self._beats = 0
        self._loop_thread = 0
        self._stopped = threading.Event()

    def beat(self) -> None:
        """Say that the loop turns; several times a second. The first call begins the watch."""
        if not self._seconds or self._stopped.is_set():
            return
        if not self._beats:
            self._begin()
        self._beats += 1
        signal.setitimer(signal.ITIMER_PROF, self._seconds + _MARGIN_SECONDS)

    def stop(self) -> None:
        """End the watch; a timer would outlive the program that set it."""
        self._stopped.set()
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _begin(self) -> None:
        self._loop_thread = threading.get_ident()
        _end_on_timer()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _watch(self) -> None:
        turn = self._seconds / _TURNS
        clock = time.pthread_getcpuclockid(self._loop_thread)
        beats, stood = -1, 0.0
        seen, worked = time.monotonic(), time.clock_gettime(clock)
        while not self._stopped.wait(turn):
            now, working = time.monotonic(), time.clock_gettime(clock)
            if beats == self._beats:
                stood += _stood(now - seen, working - worked, turn)
            else:
                beats, stood = self._beats, 0.0
            seen, worked = now, working
            if stood >= self._seconds:
                self._end(stood)

    def _end(self, stood: float) -> None:
        # Its own thread: the loop may stand still inside of the log.
        frames = _frames(self._loop_thread)
        log = threading.Thread(target=self._report, args=(stood, frames), daemon=True)
        log.start()
        log.join(_LOG_SECONDS)
        os._exit(EXIT_CODE)


def _stood(elapsed: float, worked: float, turn: float) -> float:
    """Return the seconds of a turn of the watch in which the loop had its chance and did not turn.

    A turn that took much longer than it should was one in which the process did not run.
    """
    return worked if worked > _WORKING_SHARE * turn else min(elapsed, turn)


def _frames(thread: int) -> list[str]:
    """Return the places that a thread is in, without a value of any variable."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001
    walked = traceback.walk_stack(frame)
    stack = traceback.StackSummary.extract(walked, limit=_FRAMES, lookup_lines=False)
    return [f"{place.filename}:{place.lineno} {place.name}" for place in reversed(stack)]


def _end_on_timer() -> None:
    """Let the timer's signal write every thread's stack, then end the process.

    Both in C, since no Python runs while a call into C holds the interpreter. The C library's
    `_exit` is the signal's own handler and gets its number: the exit code. The default action would
    do nothing to process 1 of a container.
    """
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
    libc.signal.restype = ctypes.c_void_p
    libc.signal(signal.SIGPROF, ctypes.cast(libc._exit, ctypes.c_void_p))  # noqa: SLF001
    faulthandler.register(signal.SIGPROF, all_threads=True, chain=True)
