"""Requests per merchant, or per key with a rate of its own, counted in this process.

The notation (`200/second`) is that of the `limits` package. Its counters are not used: measured on
one core, a hit and its statistics cost 80 µs with its async memory storage and about 200 µs with
the threaded one (which starts a task or a thread to expire counters), against 1 µs here. Each
replica counts for itself, so a deployment admits the configured rate times its replicas.

The algorithm is the virtual scheduling of ITU-T I.371 (GCRA): one number for each holder, how far
ahead of its rate it is. Whoever used up the quota is refused. A quota for a second is also spread
over the second: a tenth of it at once, the rest each at its turn, since two hundred requests in
one moment are a queue that everybody else waits in.

Header fields: draft-ietf-httpapi-ratelimit-headers-10 (`RateLimit-Policy`, `RateLimit`).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from limits import parse

from api_gateway.errors import RateLimited
from kurs.kernel.clock import monotonic

Fields = tuple[tuple[str, str], tuple[str, str]]
"""The two header fields of every answer."""

MERCHANT, KEY = "merchant", "key"
_SMALLEST_BURST = 10
_ROUNDING = 1e-6


class Quota:
    """So many requests in so many seconds; `scope` says who shares them: MERCHANT or KEY."""

    __slots__ = ("at_once", "policy", "requests", "scope", "seconds", "step")

    def __init__(self, text: str, scope: str) -> None:
        """Read a quota in the notation of `limits`; raises ValueError for other text."""
        item = parse(text)
        self.scope = scope
        self.requests: int = item.amount
        self.seconds: int = item.get_expiry()
        self.step = self.seconds / self.requests
        at_once = max(_SMALLEST_BURST, self.requests // 10)
        self.at_once = at_once * self.step if self.seconds == 1 else math.inf
        self.policy = ("RateLimit-Policy", f'"{scope}";q={self.requests};w={self.seconds}')


class Hit(NamedTuple):
    """One admitted request: the header fields of its answer, and the seconds until its turn."""

    fields: Fields
    wait: float


class RateLimit:
    """Counts requests; keys without a quota of their own share one of their merchant's."""

    def __init__(self, text: str, now: Callable[[], float] = monotonic) -> None:
        """Read the quota of a merchant, such as `200/second`; raises ValueError for other text."""
        self._quota = Quota(text, MERCHANT)
        self._now = now
        # As many as there are merchants and keys: until when each has used its rate.
        self._used_until: dict[tuple[str, str], float] = {}

    def hit(self, merchant: str, key_id: str, own: Quota | None = None) -> Hit:
        """Count one request of a key.

        Raises RateLimited, with the same fields and Retry-After, when the quota is used up.
        """
        quota = own or self._quota
        holder = (quota.scope, key_id if own else merchant)
        now = self._now()
        ahead = max(self._used_until.get(holder, now) - now, 0.0)
        if ahead + quota.step > quota.seconds + _ROUNDING:
            raise _refusal(quota, ahead)
        ahead += quota.step
        self._used_until[holder] = now + ahead
        return Hit(_fields(quota, ahead), max(ahead - quota.at_once, 0.0))


def _fields(quota: Quota, ahead: float) -> Fields:
    left = int((quota.seconds - ahead) / quota.step + _ROUNDING)
    return (quota.policy, ("RateLimit", f'"{quota.scope}";r={left};t={math.ceil(ahead)}'))


def _refusal(quota: Quota, ahead: float) -> RateLimited:
    seconds = math.ceil(ahead + quota.step - quota.seconds)
    return RateLimited(
        f"this {quota.scope} may make {quota.requests} requests in {quota.seconds} s; "
        f"the next one in {seconds} s",
        headers={**dict(_fields(quota, ahead)), "Retry-After": str(seconds)},
    )
