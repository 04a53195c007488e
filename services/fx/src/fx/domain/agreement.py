"""What sources make of each other: a mid far from the next source's is not sold. Pure.

Whoever may edit rates could else sell a currency at any price. A source is held against the next
one that prices the same pair now; one that publishes (HTTP) is not judged by what a person wrote
into a resource, and is the first to judge that. A mid that another publisher confirms stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fx.domain.guard import deviation_bps
from fx.domain.rates import SourceRates
from fx.domain.table import by_priority, within


@dataclass(frozen=True, slots=True)
class Doubt:
    """A mid that is not sold: how far it is from the judging source's, and how far it may be."""

    currency: str
    judge: str
    apart_bps: int
    allowed_bps: int

    def __str__(self) -> str:
        return (
            f"{self.currency}: {self.apart_bps} bps from {self.judge}; without a changeTicket a "
            f"source may be {self.allowed_bps} bps from the next"
        )


def agreed(
    sources: Sequence[SourceRates], now: int
) -> tuple[list[SourceRates], Mapping[str, tuple[Doubt, ...]]]:
    """Return the sources without the mids that are not sold, and these by source."""
    ordered = by_priority(sources)
    open_now = [s for s in ordered if s.terms.effective_from <= now < s.terms.effective_until]
    kept, doubts = [], {}
    for index, rates in enumerate(ordered):
        later = [other for other in ordered[index + 1 :] if other in open_now]
        others = [other for other in open_now if other is not rates and other.terms.publishes]
        found = tuple(_doubts(rates, _judges(rates, later), others, now))
        if found:
            doubts[rates.terms.name] = found
            refused = {doubt.currency for doubt in found}
            believed = {q: seen for q, seen in rates.observed.items() if q not in refused}
            rates = replace(rates, observed=believed)
        kept.append(rates)
    return kept, doubts


def _judges(rates: SourceRates, later: Sequence[SourceRates]) -> list[SourceRates]:
    publishers = [other for other in later if other.terms.publishes]
    if rates.terms.publishes:
        return publishers
    return publishers + [other for other in later if not other.terms.publishes]


def _doubts(
    rates: SourceRates, judges: Sequence[SourceRates], others: Sequence[SourceRates], now: int
) -> Iterator[Doubt]:
    judged: set[str] = set()
    allowed = rates.terms.max_deviation_from_next_bps
    for judge in judges:
        known = {judge.terms.base, *judge.observed}
        common = sorted(known & rates.observed.keys() - judged)
        # Of a base that the judge does not know, the quotes are held against one of themselves.
        anchor = rates.terms.base if rates.terms.base in known else next(iter(common), "")
        for quote in common:
            apart = _apart(rates, judge, anchor, quote, now)
            if apart is None:
                continue
            judged.add(quote)
            if apart > allowed and not _confirmed(rates, others, anchor, quote, now):
                yield Doubt(quote, judge.terms.name, apart, allowed)


def _confirmed(
    rates: SourceRates, others: Sequence[SourceRates], anchor: str, quote: str, now: int
) -> bool:
    found = (_apart(rates, other, anchor, quote, now) for other in others)
    return any(a is not None and a <= rates.terms.max_deviation_from_next_bps for a in found)


def _apart(rates: SourceRates, judge: SourceRates, anchor: str, quote: str, now: int) -> int | None:
    """Return how far two sources are apart, in basis points; None if the judge cannot say."""
    if anchor == quote:
        return None
    mine, theirs = within(rates, anchor, quote), within(judge, anchor, quote)
    if mine is None or theirs is None or theirs.fresh_until < now:
        return None
    if not mine.mid or not theirs.mid:
        return None if mine.mid == theirs.mid else _FARTHEST
    return deviation_bps(mine.mid, theirs.mid)


_FARTHEST = 10**30
"""What lies between a rate and one that is too small to be written."""
