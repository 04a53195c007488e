"""Velocity windows: how a sliding window is kept in twelve counting buckets.

A window of W seconds has buckets of ceil(W / 12) seconds. Its use is the sum of every bucket that
overlaps the last W seconds, so a window never forgets too early and looks back at most one bucket
too far: between W and W + ceil(W / 12) seconds.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kurs.kernel.clock import MICROS

BUCKETS = 12
"""Buckets to a window."""

MAX_WINDOW_AMOUNT = 2**61
"""What is stored of a window stops at this amount, so that sums of buckets fit 64 bits."""


class Use(NamedTuple):
    """What went through an account: attempts, and their sum in minor units of one currency."""

    attempts: int
    amount: int


NOTHING = Use(0, 0)

AccountUse = Mapping[int, Mapping[str, Use]]
"""The use of one account: window in seconds -> currency -> use."""

NO_USE: AccountUse = {}
NO_CURRENCIES: Mapping[str, Use] = {}


def bucket_width(window_seconds: int) -> int:
    """Return the bucket width in seconds of a window."""
    return -(-window_seconds // BUCKETS)


def bucket_start(now: int, width: int) -> int:
    """Return the start, in seconds since the epoch, of the bucket that `now` (micros) falls in."""
    seconds = now // MICROS
    return seconds - seconds % width


def oldest_bucket(now: int, window_seconds: int) -> int:
    """Return the start in seconds of the oldest bucket that overlaps the window ending at `now`."""
    return bucket_start(now - window_seconds * MICROS, bucket_width(window_seconds))


class Windows:
    """The use of every account of a batch: loaded once, then kept up attempt by attempt."""

    def __init__(self) -> None:
        self._accounts: dict[str, dict[int, dict[str, Use]]] = {}

    def load(self, account: str, window_seconds: int, currency: str, use: Use) -> None:
        """Take in what is stored."""
        self._accounts.setdefault(account, {}).setdefault(window_seconds, {})[currency] = use

    def of(self, account: str) -> AccountUse:
        """Return the use of one account before its next attempt."""
        return self._accounts.get(account, NO_USE)

    def add(self, account: str, currency: str, amount: int, windows: Iterable[int]) -> None:
        """Count one attempt in these windows, so that the next one of the batch sees it."""
        used = self._accounts.get(account)
        if used is None:
            used = self._accounts[account] = {}
        for window in windows:
            currencies = used.get(window)
            if currencies is None:
                used[window] = {currency: Use(1, amount)}
            else:
                attempts, total = currencies.get(currency, NOTHING)
                currencies[currency] = Use(attempts + 1, total + amount)
