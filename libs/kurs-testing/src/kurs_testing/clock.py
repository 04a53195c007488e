"""A clock that a test moves."""

from kurs.kernel.clock import MICROS


class ManualClock:
    """A clock that moves only when told to."""

    def __init__(self, start: int = 1_767_225_600 * MICROS) -> None:
        self._now = start

    def now(self) -> int:
        """Return microseconds since the epoch, UTC."""
        return self._now

    def advance(self, *, seconds: float) -> None:
        """Move forward by `seconds`."""
        self._now += round(seconds * MICROS)
