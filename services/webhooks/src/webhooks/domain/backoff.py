"""When what was not taken is sent again."""

import math
import random

from kurs.kernel.clock import MICROS

_FIRST_SECONDS = 5.0
_GROWTH = 3.0
_LONGEST_SECONDS = 4 * 3600.0
_JITTER = 0.2
MANY = 3
"""Failures in a row after which a destination is only probed."""
_PROBE_SECONDS = 60.0
_FAILING_PROBE_SECONDS = 3600.0


def next_try(attempts: int, now: int, wish_seconds: float | None = None) -> int:
    """Return when to send again after `attempts` that failed, microseconds since the epoch.

    The receiver's `Retry-After` holds where it is longer, up to a day.
    """
    return _later(now, min(_grown(_GROWTH, attempts - 1), _LONGEST_SECONDS), wish_seconds)


def next_probe(failures: int, now: int, *, is_failing: bool, wish_seconds: float | None) -> int:
    """Return until when a destination is left alone after `failures` in a row."""
    if failures < MANY:
        return now + round((wish_seconds or 0) * MICROS)
    longest = _FAILING_PROBE_SECONDS if is_failing else _PROBE_SECONDS
    return _later(now, min(_grown(2, failures - MANY), longest), wish_seconds)


def _grown(factor: float, times: int) -> float:
    return _FIRST_SECONDS * math.pow(factor, min(times, 20))


def _later(now: int, seconds: float, wish_seconds: float | None) -> int:
    jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 (spreads, proves nothing)
    return now + round(max(seconds * jitter, wish_seconds or 0) * MICROS)
