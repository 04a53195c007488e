"""Requests per key and window, counted in this process.

The notation (`2000/second`) and its arithmetic are those of the `limits` package. Its counters are
not used: measured on one core, a hit and its statistics cost 80 µs with its async memory storage
and about 200 µs with the threaded one (which starts a task or a thread to expire counters), and
15 µs when only the strategy is used, against 1 µs here. A fixed window admits up to two quotas
around its boundary; the in-flight limit bounds what that can do. Each replica counts for itself,
so a deployment admits the configured limit times its replicas.

Header fields: draft-ietf-httpapi-ratelimit-headers-10 (`RateLimit-Policy`, `RateLimit`).
"""

import math
from collections.abc import Callable

from limits import parse

from api_gateway.errors import RateLimited
from kurs.clock import monotonic

Fields = tuple[tuple[str, str], tuple[str, str]]
"""The two header fields of every answer."""

_POLICY = "key"


class RateLimit:
    """One limit for every key, such as `2000/second`."""

    def __init__(self, text: str, now: Callable[[], float] = monotonic) -> None:
        """Read a limit in the notation of `limits`; raises ValueError for other text."""
        item = parse(text)
        self._quota = item.amount
        self._seconds = item.get_expiry()
        self._now = now
        # By key id, so as many as there are keys: (hits in the window, when the window ends).
        self._windows: dict[str, tuple[int, float]] = {}
        self._policy = ("RateLimit-Policy", f'"{_POLICY}";q={self._quota};w={self._seconds}')

    def hit(self, key_id: str) -> Fields:
        """Count one request of a key; return the header fields for its answer.

        Raises RateLimited, with the same fields and Retry-After, when the window is used up.
        """
        now = self._now()
        count, end = self._windows.get(key_id, (0, 0.0))
        if end <= now:
            count, end = 0, now + self._seconds
        self._windows[key_id] = (count + 1, end)
        left = self._quota - count - 1
        seconds = math.ceil(end - now)
        fields = (self._policy, ("RateLimit", f'"{_POLICY}";r={max(left, 0)};t={seconds}'))
        if left < 0:
            raise RateLimited(
                f"this key may make {self._quota} requests in {self._seconds} s; "
                f"the next window begins in {seconds} s",
                headers={**dict(fields), "Retry-After": str(seconds)},
            )
        return fields
