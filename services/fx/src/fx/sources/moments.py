"""When a provider says that its rates were true, in the forms that providers write."""

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

from fx.sources.base import malformed
from kurs.kernel.clock import MICROS, from_rfc3339

_LONGEST = 40
_MILLIS_FROM = 10**11
"""As seconds this were the year 5138: from here on a number counts milliseconds."""
_LATEST = 10**14
_FIRST_YEAR = 1970


def moment_of(value: Any) -> int:
    """Return a moment in microseconds since the epoch; raises SourceError for what is none.

    Read are RFC 3339 with an offset, a date (its beginning in UTC, so that an age is never too
    low), an HTTP date, and a count of seconds or milliseconds. A time of day without an offset is
    refused: by the wrong one an old rate would pass for a new one.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise TypeError
        text = str(value).strip()
        if len(text) > _LONGEST:
            raise ValueError
        return _counted(text) if _is_number(text) else _written(text)
    except (ValueError, TypeError, OverflowError, InvalidOperation):
        message = "asOfPath does not lead to a date, a moment with an offset, or a Unix time"
        raise malformed(message) from None


def day(text: str) -> int:
    """Return the beginning of a date in UTC, in microseconds; raises ValueError."""
    start = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    return int(start.timestamp()) * MICROS


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdecimal()


def _counted(text: str) -> int:
    number = Decimal(text)
    if not 0 < number < _LATEST:
        raise ValueError
    return int(number * (MICROS if number < _MILLIS_FROM else MICROS // 1000))


def _written(text: str) -> int:
    if len(text) == len("2026-01-05"):
        return day(text)
    if text[:1].isdecimal():
        return from_rfc3339(text)
    stated = parsedate_to_datetime(text)
    if stated.tzinfo is None or stated.year < _FIRST_YEAR:
        raise ValueError
    return int(stated.timestamp()) * MICROS
