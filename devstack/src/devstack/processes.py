"""One child process with a log file: start, signal, stop, read its end, count its CPU."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import psutil

STOP_SECONDS = 15.0
"""How long a process may take to end after SIGTERM before SIGKILL."""
_TAIL_BYTES = 16_384
_OTHERS = 0o077
"""The permissions of everybody but the owner."""


class ManagedProcess:
    """A program that this process started and alone ends, by its own pid.

    Its probes are on `operations_port` if it has one, else on `port`.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        port: int | None = None,
        operations_port: int | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.environment = dict(environment)
        self.folder = folder
        self.log = log
        self.port = port
        self.probe_port = operations_port or port
        self._child: subprocess.Popen[bytes] | None = None
        self._spent = 0.0

    @property
    def pid(self) -> int | None:
        """The pid while it runs."""
        return self._child.pid if self._child is not None and self.running() else None

    @property
    def exit_code(self) -> int | None:
        """The exit code of a process that ended (negative: the signal); None before that."""
        return self._child.poll() if self._child is not None else None

    def start(self) -> None:
        """Start it, its output appended to the log.

        It gets a session of its own: a Ctrl-C at the terminal reaches us alone, and we end the
        processes in their order. What it writes, databases above all, its owner alone can read.
        """
        assert not self.running(), f"{self.name} is running"
        with open(self.log, "ab", opener=_for_owner) as output:
            self._child = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=_OTHERS,
            )

    def running(self) -> bool:
        """Tell whether it was started and has not ended."""
        return self._child is not None and self._child.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens when it has ended. Reaps it after SIGKILL."""
        if self._child is None or not self.running():
            return
        if number == signal.SIGKILL:
            self._spent += _cpu_seconds(self._child.pid)
        self._child.send_signal(number)
        if number == signal.SIGKILL:
            self._child.wait()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End it: SIGTERM, then SIGKILL if it has not ended after `seconds`."""
        stop_all([self], seconds)

    def wait(self, seconds: float) -> bool:
        """Wait until it ends; returns False if it still runs after `seconds`."""
        if self._child is None:
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(seconds)
        return not self.running()

    def cpu_seconds(self) -> float:
        """Return user and system time spent so far, children included, over all its starts."""
        if self._child is None or not self.running():
            return self._spent
        return self._spent + _cpu_seconds(self._child.pid)

    def log_end(self, lines: int = 12) -> str:
        """Return the last lines of its log, empty if there is none."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
        return "\n".join(text.rstrip().splitlines()[-lines:])


def stop_all(processes: Iterable[ManagedProcess], seconds: float = STOP_SECONDS) -> None:
    """End several processes at once: SIGTERM to each, then SIGKILL to what is left."""
    running = [process for process in processes if process.running()]
    for process in running:
        process.signal(signal.SIGTERM)
    for process in running:
        if not process.wait(seconds):
            process.signal(signal.SIGKILL)


def tree_cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and of all its descendants, ended ones included."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return 0.0
    return sum(_cpu_seconds(member.pid) for member in family)


def _for_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o666 & ~_OTHERS)


def _cpu_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    # Of ended children only: the running ones are counted by whoever walks the tree.
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return float(_clocked(pid, times.user + times.system) + ended)


def _clocked(pid: int, counted: float) -> float:
    """Return a process's CPU seconds by its own clock, where the system has one, else `counted`.

    What is counted comes in hundredths of a second, which is much of a short turn of payments.
    """
    if sys.platform != "linux":
        return counted
    try:
        # What clock_getcpuclockid(3) makes of a pid.
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return counted
