"""A mounted file whose content changes while a process runs, such as a key that is rotated."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from kurs.kernel.clock import monotonic
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
        self._path = path
        self._read = read
        self._log = telemetry.logger
        self._every = every
        self._look_at = monotonic() + every
        self._seen = self._stamp()
        try:
            self._value = read(path.read_bytes())
        except (OSError, ValueError) as error:
            raise CannotRun(f"{path}: {error}") from None

    def get(self) -> Value:
        """Return the value in force; at most every so often this looks at the file (a stat)."""
        now = monotonic()
        if now >= self._look_at:
            self._look_at = now + self._every
            self._look()
        return self._value

    def _look(self) -> None:
        # A Secret's volume replaces a link: the file behind it is another one then.
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._value = self._read(self._path.read_bytes())
        except (OSError, ValueError) as error:
            self._log.error("file not read, the last one holds", file=str(self._path), why=error)
        else:
            self._log.info("file read anew", file=str(self._path))

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size
