"""Money over time: sums of what became of payments, by corridor, in spans of time.

They are added up from events, some at a time, so that nobody ever has to sum payments. Worth is in
minor units of one reference currency, by the mid rates of when it was counted.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import pairwise
from typing import Any, NamedTuple

from msgspec import Struct, field
from msgspec.structs import asdict

from kurs.kernel.clock import MICROS

EVERYBODY = ""
"""Whose the figures of all merchants together are; no merchant is called so."""
MOST_CORRIDORS = 64
"""By name in one span; payments of more are counted together, under OTHER."""
OTHER = "/"
_BOUNDS = (
    0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75,
    1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 15.0, 60.0,
)  # fmt: skip
"""Seconds from a request to its outcome, in whose steps times are counted."""


class Period(StrEnum):
    """How far back figures go. The spans of each are made of whole spans of the one before."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


class Spans(NamedTuple):
    """How a period is cut: `number` spans of so many microseconds, which begin at its multiples."""

    length: int
    number: int

    def start(self, at: int) -> int:
        """Return when the span of a moment began."""
        return at - at % self.length

    def starts(self, now: int) -> range:
        """Return when the spans of the period that ends now began, the oldest first."""
        last = self.start(now)
        return range(last - (self.number - 1) * self.length, last + 1, self.length)


SPANS: Mapping[Period, Spans] = {
    Period.HOUR: Spans(120 * MICROS, 30),
    Period.DAY: Spans(3_600 * MICROS, 24),
    Period.WEEK: Spans(6 * 3_600 * MICROS, 28),
}


class Seen(NamedTuple):
    """What an event adds: an outcome (the first one of a payment), a capture, or both.

    Amounts are minor units: `captured` of the currency that was paid, `spread` of the one that was
    bought. `seconds` from request to outcome is None where it is a capture alone.
    """

    merchant: str
    at: int
    currency: str
    bought: str
    seconds: float | None
    failed: bool
    captured: int
    spread: int


class Worth(NamedTuple):
    """Minor units of the reference currency; None without a usable rate."""

    captured: int | None
    spread: int | None


class Sums(Struct):
    """What became of payments of one corridor, or of all. `slow` counts outcomes by step of time.

    `unpriced` captures are in no worth, since no rate said what they were worth.
    """

    outcomes: int = 0
    failed: int = 0
    captures: int = 0
    captured: int = 0
    worth: int = 0
    spread: int = 0
    unpriced: int = 0
    slow: Counter[int] = field(default_factory=Counter)

    def see(self, seen: Seen, worth: Worth) -> None:
        """Add what an event says."""
        if seen.seconds is not None:
            self.outcomes += 1
            self.failed += seen.failed
            self.slow[bisect_left(_BOUNDS, seen.seconds)] += 1
        if seen.captured:
            self.captures += 1
            self.captured += seen.captured
            if worth.captured is None or worth.spread is None:
                self.unpriced += 1
            else:
                self.worth += worth.captured
                self.spread += worth.spread

    def add(self, other: "Sums") -> None:
        """Add other sums."""
        self.outcomes += other.outcomes
        self.failed += other.failed
        self.captures += other.captures
        self.captured += other.captured
        self.worth += other.worth
        self.spread += other.spread
        self.unpriced += other.unpriced
        self.slow.update(other.slow)

    @property
    def success(self) -> float | None:
        """The share of outcomes that is not FAILED; None without any."""
        return (self.outcomes - self.failed) / self.outcomes if self.outcomes else None

    def quantile(self, share: float) -> float | None:
        """Return in how many seconds that share of outcomes was there, from within its step."""
        left = share * self.slow.total()
        edges = [0.0, *_BOUNDS, _BOUNDS[-1]]
        for step, (low, high) in enumerate(pairwise(edges)):
            here = self.slow[step]
            if here and left <= here:
                return low + (high - low) * left / here
            left -= here
        return None

    def stored(self) -> dict[str, Any]:
        """Return it as JSON members."""
        return {**asdict(self), "slow": {str(step): n for step, n in self.slow.items()}}


Corridors = dict[str, Sums]
"""Sums by corridor, such as `USD/IDR`; `USD/` where the other currency never became known."""


def read_corridors(stored: Mapping[str, Mapping[str, Any]]) -> Corridors:
    """Return sums of their JSON members."""
    return {
        name: Sums(**{**members, "slow": Counter({int(s): n for s, n in members["slow"].items()})})
        for name, members in stored.items()
    }


def corridor(corridors: Corridors, name: str) -> Sums:
    """Return the sums of a corridor; past the bound those of OTHER."""
    if name not in corridors and len(corridors) >= MOST_CORRIDORS:
        name = OTHER
    return corridors.setdefault(name, Sums())


def joined(into: Corridors, more: Corridors) -> Corridors:
    """Return `into` with `more` added."""
    for name, sums in more.items():
        corridor(into, name).add(sums)
    return into


def total(corridors: Iterable[Sums]) -> Sums:
    """Return all together; `captured` is a sum over currencies, and says nothing."""
    whole = Sums()
    for sums in corridors:
        whole.add(sums)
    return whole
