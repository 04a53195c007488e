"""Standard output that never holds the process up: a thread writes what waits, or it is dropped.

Whoever reads a log may stop reading, and a disk that it goes to may be full. A pipe takes 64 KiB,
and the next write would stop every request. So lines wait here, so many at most; past that they are
dropped and counted, and the count is written when the reader is back.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from io import TextIOBase
from typing import TextIO, cast

from pydantic_core import to_json

_MOST_LINES = 10_000
_MOST_BYTES = 8 * 1024 * 1024
_GATHER_SECONDS = 0.02
"""Between two looks for lines: to wake the thread for each would cost more than the line."""
_AGAIN_SECONDS = 1.0
"""Between two attempts to write to what cannot be written to."""


class Output(TextIOBase):
    """Takes the lines of a process's log for the stream that they go to; its methods never wait.

    `dropped` is told of each number of lines that are lost.
    """

    def __init__(self, stream: TextIO, dropped: Callable[[int], None] = lambda _: None) -> None:
        super().__init__()
        self._file = stream.fileno()
        self._terminal = stream.isatty()
        self.dropped = dropped
        self._lines: deque[bytes] = deque()
        self._size = 0
        self._lost = 0
        self._some = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        threading.Thread(target=self._work, name="log", daemon=True).start()

    def isatty(self) -> bool:
        """Tell whether a person looks at it."""
        return self._terminal

    def write(self, text: str) -> int:
        """Take a line, or drop it."""
        line = text.encode("utf-8", "backslashreplace")
        if len(self._lines) >= _MOST_LINES or self._size >= _MOST_BYTES:
            self.lose(1)
        else:
            self._idle.clear()
            self._size += len(line)
            self._lines.append(line)
            if not self._some.is_set():
                self._some.set()
        return len(text)

    def lose(self, lines: int) -> None:
        """Count lines that were not written, or could not even be made."""
        self._lost += lines
        self.dropped(lines)

    def finish(self, seconds: float) -> None:
        """Wait until what was taken is written, for so long at most."""
        self._idle.wait(seconds)

    def _work(self) -> None:
        while True:
            self._some.wait()
            self._some.clear()
            time.sleep(_GATHER_SECONDS)
            while self._lines:
                self._write_all([self._lines.popleft() for _ in range(len(self._lines))])
            if not self._lines:
                self._idle.set()

    def _write_all(self, lines: list[bytes]) -> None:
        if lost := self._lost:
            lines.append(to_json({"event": "log lines dropped", "level": "error", "lines": lost}))
            lines.append(b"\n")
            self._lost -= lost
        left = memoryview(b"".join(lines))
        while left:
            try:
                left = left[os.write(self._file, left) :]
            except BlockingIOError:
                time.sleep(_GATHER_SECONDS)
            except OSError:
                # A full disk, or a pipe that nobody will ever read from.
                self.lose(len(lines))
                time.sleep(_AGAIN_SECONDS)
                break
        self._size = sum(map(len, tuple(self._lines)))


def as_text(output: Output) -> TextIO:
    """Return the output as what loggers write to."""
    return cast("TextIO", output)
