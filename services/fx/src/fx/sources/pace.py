"""When a source that failed is asked again. Pure; times and lengths of time are microseconds."""

from fx.sources.base import SourceError
from kurs.kernel.clock import MICROS

FIRST_RETRY = 1 * MICROS
LONGEST_RETRY = 300 * MICROS
"""A failed source is asked again after 1, 2, 4 ... 300 seconds, or its interval."""


def pause_after(failures: int, regular: int, error: SourceError | None) -> int:
    """Return how long to wait after so many failures in a row, the last of which was `error`."""
    if failures == 0 or (error is not None and error.asks_less):
        return regular
    return min(regular, LONGEST_RETRY, FIRST_RETRY << min(failures - 1, 20))
