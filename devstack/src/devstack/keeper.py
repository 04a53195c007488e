"""Ends a stack's processes when whoever started them is gone, however it went.

A process of its own, told on its standard input which pids to end, in which order: a line of JSON
(a list of lists) replaces the one before. It ends when its input does. A pipe closes on every
system when its writer dies, also by SIGKILL; so no service lives on and holds its port.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TextIO

import psutil

_STOP_SECONDS = 10.0
Groups = Sequence[Sequence[psutil.Process]]


class Keeper:
    """The end of the pipe that the stack holds."""

    def __init__(self) -> None:
        # A session of its own: what the terminal sends to us does not reach it.
        self._child = subprocess.Popen(
            [sys.executable, "-c", "import sys; from devstack.keeper import keep; keep(sys.stdin)"],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def watch(self, groups: Iterable[Sequence[int]]) -> None:
        """Name the pids to end, the first group first."""
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps([list(group) for group in groups]) + "\n")
        self._child.stdin.flush()

    def close(self) -> None:
        """Let it end what it watches, and end itself."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait()


def keep(lines: TextIO) -> None:
    """Follow what is said until it ends, then end the processes."""
    watched: Groups = ()
    for line in lines:
        watched = [_living(group) for group in json.loads(line)]
    for group in watched:
        _end(group)


def _living(pids: Iterable[int]) -> list[psutil.Process]:
    """Return the processes; each knows when it began, so that a pid's next owner is not meant."""
    found = []
    for pid in pids:
        try:
            found.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    return found


def _end(group: Iterable[psutil.Process]) -> None:
    running = [process for process in group if process.is_running()]
    for process in running:
        _signal(process.terminate)
    _, left = psutil.wait_procs(running, _STOP_SECONDS)
    for process in left:
        _signal(process.kill)


def _signal(send: Callable[[], None]) -> None:
    with suppress(psutil.NoSuchProcess):
        send()
