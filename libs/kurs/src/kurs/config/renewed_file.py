"""A mounted file whose content changes while a process runs, such as a key that is rotated."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from kurs.kernel.clock import monotonic
from kurs.kernel.files import WatchedFile, read_whole
from kurs.kernel.settings import CannotRun
from kurs.telemetry import Telemetry

Value = TypeVar("Value")


class RenewedFile(Generic[Value]):
    """What `read` makes of a file, made anew within `every` seconds of its change.

    A file that cannot be read any more, or that `read` refuses with a ValueError, leaves the last
    value in force and is logged once. Raises CannotRun when that is so at the start.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[bytes], Value],
        *,
        telemetry: Telemetry,
        every: float = 1.0,
    ) -> None:
        self._file = WatchedFile(path)
        self._read = read
        self._log = telemetry.logger
        self._every = every
        self._look_monotonic = monotonic() + every
        self._reported = ""
        self._file.changed()
        try:
            self._value = read(read_whole(path))
        except (OSError, ValueError) as error:
            raise CannotRun(f"{path}: {error}") from None

    def get(self) -> Value:
        """Return the value in force; at most every so often this looks at the file (a stat)."""
        now = monotonic()
        if now >= self._look_monotonic:
            self._look_monotonic = now + self._every
            self._look()
        return self._value

    def _look(self) -> None:
        if not self._file.changed():
            return
        path = self._file.path
        try:
            self._value = self._read(read_whole(path))
        except (OSError, ValueError) as error:
            if str(error) != self._reported:
                self._log.error("file not read, the last one holds", file=str(path), error=error)
            self._reported = str(error)
        else:
            self._reported = ""
            self._log.info("file read anew", file=str(path))
