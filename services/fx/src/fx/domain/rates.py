"""What a source is allowed to say, and what it last said.

A source quotes currencies against its base: the mid of a quote currency is how many units of it
one unit of the base is worth. Times are microseconds since the epoch, lengths of time too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Context, Decimal
from enum import Enum

FOREVER = 2**63 - 1
MIN_MID = Decimal("1e-12")
MAX_MID = Decimal("1e12")
"""A rate outside of these is a fault of the source: the widest real pair spans about 1e8."""

_STATED = Context(prec=18, rounding=ROUND_HALF_EVEN)
# Derived mids are cut, never rounded up: then no way round through several pairs ends above
# where it began, even without a spread.
DERIVED = Context(prec=16, rounding=ROUND_DOWN)


class OnStale(Enum):
    """What to do when a source's rate is older than its `max_age`."""

    NEXT_SOURCE = "NextSource"
    REJECT = "Reject"
    USE_LAST_KNOWN = "UseLastKnown"


@dataclass(frozen=True, slots=True)
class PairTerms:
    """How one quote currency of a source is sold: spread in basis points, age in microseconds."""

    spread_bps: int
    max_age: int


@dataclass(frozen=True, slots=True)
class SourceTerms:
    """The rules of one source; a higher `priority` is asked first.

    `pairs` are the quote currencies with terms of their own; with `default` every other currency
    that the source knows is served on those terms. The source counts from `effective_from` until
    just before `effective_until`. It `publishes` when its rates come from a provider and from
    nobody who edits resources.
    """

    name: str
    base: str
    pairs: Mapping[str, PairTerms]
    default: PairTerms | None = None
    priority: int = 0
    on_stale: OnStale = OnStale.NEXT_SOURCE
    max_deviation_bps: int | None = None
    effective_from: int = 0
    effective_until: int = FOREVER
    max_deviation_from_next_bps: int = 500
    publishes: bool = False

    def terms_for(self, currency: str) -> PairTerms | None:
        """Return the terms of a quote currency, or None when the source does not serve it."""
        return self.pairs.get(currency, self.default) if currency != self.base else None


@dataclass(frozen=True, slots=True)
class Observation:
    """A mid rate and the moment when it was true."""

    mid: Decimal
    as_of: int


@dataclass(frozen=True, slots=True)
class SourceRates:
    """A source with the rates it stands for now; empty until it first answered."""

    terms: SourceTerms
    observed: Mapping[str, Observation] = field(default_factory=dict)


def stated(value: Decimal) -> Decimal:
    """Return a source's number as a mid rate of at most 18 digits.

    Raises ValueError unless it is a finite number between 1e-12 and 1e12.
    """
    if not value.is_finite():
        raise ValueError("the rate is not a number")
    if not MIN_MID <= value <= MAX_MID:
        raise ValueError("the rate is not above zero" if value <= 0 else "the rate is out of range")
    return _STATED.plus(value)
