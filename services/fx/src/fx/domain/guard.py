"""Keeps what a source newly says apart from what may be believed of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction

from fx.domain.rates import Observation, SourceTerms, stated
from kurs.kernel.money import is_known

MAX_FUTURE = 5 * 60 * 1_000_000
"""Microseconds that a source's clock may be ahead of ours."""
_BPS = 10_000


class Reason(Enum):
    """Why a rate was not believed; the values are metric labels."""

    INVALID = "invalid"
    DEVIATION = "deviation"
    FUTURE = "future"
    OLDER = "older"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A rate that was not taken over, in words that hold nothing of the source's own text."""

    currency: str
    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.currency}: {self.detail}"


def screen(
    terms: SourceTerms,
    last: Mapping[str, Observation],
    fresh: Mapping[str, Observation],
    now: int,
) -> tuple[dict[str, Observation], list[Rejection]]:
    """Return the rates to stand for from now on, and what was refused on the way.

    A refused or missing rate leaves the last good one in place, where it ages until it is stale.
    One that is older than its maximum age is no measure of a jump. Rates are judged one by one, so
    that one bad currency does not silence the others. Currencies that the source does not serve, or
    that are no currencies, are dropped.
    """
    kept: dict[str, Observation] = {}
    rejections = []
    for currency in {**terms.pairs, **last, **fresh}:
        if terms.terms_for(currency) is None or not is_known(currency):
            continue
        previous, found = last.get(currency), fresh.get(currency)
        verdict = _judge(terms, currency, previous, found, now)
        if isinstance(verdict, Rejection):
            rejections.append(verdict)
        believed = verdict if isinstance(verdict, Observation) else previous
        if believed is not None:
            kept[currency] = believed
    return kept, rejections


def deviation_bps(last: Decimal, fresh: Decimal) -> int:
    """Return how far `fresh` is from `last`, in basis points of the smaller of the two, rounded up.

    Taking the smaller makes a jump to the double and one to the half the same size.
    """
    low, high = sorted((Fraction(last), Fraction(fresh)))
    return math.ceil((high - low) * _BPS / low)


def _is_stale(terms: SourceTerms, currency: str, seen: Observation, now: int) -> bool:
    found = terms.terms_for(currency)
    return found is None or now > seen.as_of + found.max_age


def _judge(
    terms: SourceTerms,
    currency: str,
    previous: Observation | None,
    found: Observation | None,
    now: int,
) -> Observation | Rejection | None:
    """Return the rate to take over, or why not; None for one that nobody misses."""
    if found is None:
        # A feed may give up a currency that nobody listed; a listed one is missed.
        listed = currency in terms.pairs
        return Rejection(currency, Reason.MISSING, "no rate was given") if listed else None
    try:
        mid = stated(found.mid)
    except ValueError as error:
        return Rejection(currency, Reason.INVALID, str(error))
    if found.as_of > now + MAX_FUTURE:
        return Rejection(currency, Reason.FUTURE, "the rate is dated in the future")
    fresh = Observation(mid, found.as_of)
    if previous is None or _is_stale(terms, currency, previous, now):
        # Too old to be sold by itself, it would keep the source from ever coming back.
        return fresh
    if found.as_of < previous.as_of and _is_stale(terms, currency, found, now):
        return Rejection(currency, Reason.OLDER, "the rate is dated before the last good one")
    if terms.max_deviation_bps is None:
        return fresh
    moved = deviation_bps(previous.mid, mid)
    if moved <= terms.max_deviation_bps:
        return fresh
    return Rejection(
        currency,
        Reason.DEVIATION,
        f"moved {moved} bps from {previous.mid}; maxDeviationBps is {terms.max_deviation_bps}",
    )
