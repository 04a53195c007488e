"""When a source that failed is asked again. Pure; times and lengths of time are microseconds."""

from email.utils import parsedate_to_datetime

from fx.sources.base import SourceError
from kurs.kernel.clock import MICROS

FIRST_RETRY = 1 * MICROS
LONGEST_RETRY = 300 * MICROS
"""A failed source is asked again after 1, 2, 4 ... 300 seconds, or its interval."""
LONGEST_WAIT = 24 * 3600 * MICROS
"""For which a source may ask; with a wrong clock it could else ask for years."""
_LONGEST_COUNT = 12


def pause_after(failures: int, regular: int, error: SourceError | None) -> int:
    """Return how long to wait after so many failures in a row, the last of which was `error`."""
    if failures == 0 or (error is not None and error.asks_less):
        return regular
    return min(regular, LONGEST_RETRY, FIRST_RETRY << min(failures - 1, 20))


def asked_until(retry_after: str, now: int) -> int:
    """Return until when a `Retry-After` (RFC 9110, 10.2.3) asks to wait; `now` when it does not."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal() and len(text) < _LONGEST_COUNT:
        wait = int(text) * MICROS
    else:
        wait = _moment(text, now) - now
    return now + max(0, min(wait, LONGEST_WAIT))


def _moment(text: str, now: int) -> int:
    try:
        return int(parsedate_to_datetime(text).timestamp()) * MICROS
    except (ValueError, TypeError, OverflowError):
        return now
