"""Time: one integer (microseconds since the epoch, UTC) inside, RFC 3339 text outside.

Everything that reads a clock reads it here, so that a simulation can own the time of a process.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

MICROS = 1_000_000
"""Microseconds in a second."""


_monotonic: Callable[[], float] = time.monotonic


def monotonic() -> float:
    """Return seconds of a clock that never goes back: for deadlines, waits and durations."""
    return _monotonic()


def read_monotonic_from(source: Callable[[], float]) -> None:
    """Let `monotonic` ask `source` from now on, in this whole process."""
    global _monotonic
    _monotonic = source


class Clock(Protocol):
    """Where a service reads the time, so that tests can move it."""

    def now(self) -> int:
        """Return microseconds since the epoch, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return microseconds since the epoch, UTC."""
        return time.time_ns() // 1_000


def to_rfc3339(micros: int) -> str:
    """Render microseconds since the epoch as RFC 3339, always six decimals and `Z`."""
    seconds, fraction = divmod(micros, MICROS)
    return f"{_to_the_second(seconds)}.{fraction:06d}Z"


@lru_cache(maxsize=1024)
def _to_the_second(seconds: int) -> str:
    # Moments that are told together are of the same seconds, and strftime takes 2.5 us.
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def from_rfc3339(text: str) -> int:
    """Read an RFC 3339 moment into microseconds since the epoch.

    Raises ValueError for other text and for a moment without an offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no UTC offset; write it like 2026-01-31T08:00:00Z")
    return int(moment.replace(microsecond=0).timestamp()) * MICROS + moment.microsecond
