"""What a `Retry-After` asks for (RFC 9110, 10.2.3): seconds, or a moment."""

from datetime import UTC
from email.utils import parsedate_to_datetime

from kurs.kernel.clock import MICROS

LONGEST_WAIT = 24 * 3600 * MICROS
"""For which somebody may ask; with a wrong clock it could else be years."""
_MOST_DIGITS = 30


def wait_asked(text: str | None, now: int) -> int | None:
    """Return how long to wait, `now` and the wait in microseconds; None for what asks nothing."""
    text = (text or "").strip()
    if text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS:
        wait = int(text) * MICROS
    else:
        try:
            moment = parsedate_to_datetime(text)
            # Without an offset it is of Greenwich, wherever this runs.
            at = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            wait = int(at.timestamp()) * MICROS - now
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0, min(wait, LONGEST_WAIT))
