"""When a call may be repeated, and how long to wait before.

The budget is Finagle's: over a window of 10 s, retries are at most 20 % of the requests plus a
floor of 10 per second. When a target fails for everyone, the retries of everyone would be what
keeps it down; the budget bounds them at 1.2 times the load.
"""

import random
from collections.abc import Callable

from kurs.calls.window import RollingCount
from kurs.kernel.clock import monotonic

_BACKOFF_BASE_SECONDS = 0.025
_BACKOFF_CAP_SECONDS = 0.5


class RetryBudget:
    """The retries left for one target."""

    def __init__(
        self,
        *,
        ratio: float = 0.2,
        floor_per_second: float = 10.0,
        window_seconds: float = 10.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._ratio = ratio
        self._floor = floor_per_second * window_seconds
        self._requests = RollingCount(window_seconds, clock)
        self._retries = RollingCount(window_seconds, clock)

    def deposit(self) -> None:
        """Count a request, when it is first sent."""
        self._requests.add()

    def withdraw(self) -> bool:
        """Take one retry from the budget; False when it is exhausted."""
        allowed = self._floor + self._ratio * self._requests.total()
        if self._retries.total() + 1 > allowed:
            return False
        self._retries.add()
        return True


def backoff(attempt: int) -> float:
    """Return the seconds before retry number `attempt` (from 1): exponential, with full jitter."""
    ceiling = min(_BACKOFF_CAP_SECONDS, _BACKOFF_BASE_SECONDS * 2 ** (attempt - 1))
    return random.uniform(0, ceiling)  # noqa: S311 - spreads retries, guards nothing
