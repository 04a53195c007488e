"""The rate table: one immutable answer to "what is this pair worth, and who says so?"

A pair is found within one source, directly, inverted, or through the source's base. Only a pair
that no single source knows is bridged: one source leads to the other's base, and that one goes on.
A new table replaces the old one whole, so that a request never sees half of a change.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from itertools import islice, permutations

from fx.domain.rates import DERIVED, FOREVER, OnStale, SourceRates
from fx.domain.refusals import Refusal
from kurs.contracts.fx import Code

MAX_BRIDGES = 8
_BPS = 10_000
# A mid of at most 18 digits times a factor of four decimals fits whole.
_EXACT = Context(prec=40)


@dataclass(frozen=True, slots=True)
class PairRate:
    """What one source, or two joined, says of a pair.

    `mid` and `rate` are units of destination for one unit of source; `rate` is exactly
    `mid x (1 - spread_bps / 10,000)`. The source counts from `opens` until before `closes`; its
    rate is fresh until `fresh_until` and may be used until `usable_until`. `final` means that no
    later source may stand in for it, `bridged` that it was joined from two sources.
    """

    source_currency: str
    destination_currency: str
    mid: Decimal
    spread_bps: int
    rate: Decimal
    source: str
    as_of: int
    fresh_until: int
    usable_until: int
    opens: int
    closes: int
    final: bool
    bridged: bool

    def age(self, now: int) -> int:
        """Return the age in microseconds; a source's clock ahead of ours makes it zero."""
        return max(0, now - self.as_of)

    def is_stale(self, now: int) -> bool:
        """Tell whether the rate is older than its source allows."""
        return now > self.fresh_until


@dataclass(frozen=True, slots=True)
class Leg:
    """One step from a currency to another."""

    mid: Decimal
    spread_bps: int
    as_of: int
    fresh_until: int


_STILL = Leg(Decimal(1), 0, FOREVER, FOREVER)


class RateTable:
    """Every pair that the given sources can price, the highest priority first.

    Sources of equal priority keep the order in which they are given.
    """

    def __init__(self, sources: Iterable[SourceRates], revision: str = "") -> None:
        self.revision = revision
        self.sources: Sequence[SourceRates] = by_priority(sources)
        self._found: dict[tuple[str, str], tuple[PairRate, ...]] = {}

    def select(self, source: str, destination: str, now: int) -> PairRate:
        """Return the best usable rate; raises Refusal."""
        stale = None
        for candidate in self.candidates(source, destination):
            if not candidate.opens <= now < candidate.closes:
                continue
            if stale is not None and candidate.bridged:
                break
            if now <= candidate.usable_until:
                return candidate
            stale = stale or candidate
            if candidate.final:
                break
        raise _refusal(source, destination, stale, now)

    def candidates(self, source: str, destination: str) -> tuple[PairRate, ...]:
        """Return all that is said of a pair, best first, stale ones included."""
        key = (source, destination)
        found = self._found.get(key)
        if found is None:
            found = tuple(self._search(source, destination)) if source != destination else ()
            self._found[key] = found
        return found

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield each base and quote that some source has a rate for, once."""
        seen = {
            (rates.terms.base, currency): None
            for rates in self.sources
            for currency in rates.observed
        }
        yield from seen

    def usable(self, now: int) -> bool:
        """Tell whether at least one pair can be priced."""
        return any(
            candidate.opens <= now < candidate.closes and now <= candidate.usable_until
            for base, quote in self.pairs()
            for candidate in self.candidates(base, quote)
        )

    def _search(self, source: str, destination: str) -> Iterator[PairRate]:
        for rates in self.sources:
            leg = within(rates, source, destination)
            if leg is not None:
                yield _pair_rate(source, destination, leg, [rates])
        yield from islice(self._bridges(source, destination), MAX_BRIDGES)

    def _bridges(self, source: str, destination: str) -> Iterator[PairRate]:
        for first, second in permutations(self.sources, 2):
            leg = _bridge(first, second, source, destination)
            if leg is not None:
                yield _pair_rate(source, destination, leg, [first, second])


def by_priority(sources: Iterable[SourceRates]) -> list[SourceRates]:
    """Return sources in the order in which they are asked."""
    return sorted(sources, key=lambda s: s.terms.priority, reverse=True)


def _refusal(source: str, destination: str, stale: PairRate | None, now: int) -> Refusal:
    if source == destination:
        return Refusal(
            Code.SAME_CURRENCY,
            f"{source} to {destination} is no conversion",
            field="destination_currency",
            hint="name two currencies",
        )
    if stale is None:
        return Refusal(
            Code.PAIR_NOT_SUPPORTED,
            f"no rate source knows {source} to {destination}",
            field="destination_currency",
            hint="see /rates for the known ones",
        )
    return Refusal(
        Code.STALE_RATE,
        f"the rate for {source} to {destination} from {stale.source} is"
        f" {stale.age(now) // 1_000_000} seconds old, older than its source allows",
    )


def within(rates: SourceRates, source: str, destination: str) -> Leg | None:
    """Go from `source` to `destination` through the base of one source."""
    down, up = _from_base(rates, source), _from_base(rates, destination)
    if down is None or up is None:
        return None
    if source == rates.terms.base:
        return up
    if destination == rates.terms.base:
        return Leg(DERIVED.divide(1, down.mid), down.spread_bps, down.as_of, down.fresh_until)
    # One division, not the product of two rounded mids.
    return _join(DERIVED.divide(up.mid, down.mid), down, up)


def _bridge(first: SourceRates, second: SourceRates, source: str, destination: str) -> Leg | None:
    """Go from one source to the other by the base of either."""
    # Most pairs of sources know neither end; they are told apart without any arithmetic.
    if not _knows(first, source) or not _knows(second, destination):
        return None
    for base in (second.terms.base, first.terms.base):
        if base in (source, destination):
            continue
        near, far = within(first, source, base), within(second, base, destination)
        if near is not None and far is not None:
            return _join(DERIVED.multiply(near.mid, far.mid), near, far)
    return None


def _knows(rates: SourceRates, currency: str) -> bool:
    return currency == rates.terms.base or currency in rates.observed


def _from_base(rates: SourceRates, currency: str) -> Leg | None:
    """Return the leg whose mid is units of `currency` for one of the base."""
    if currency == rates.terms.base:
        return _STILL
    seen, terms = rates.observed.get(currency), rates.terms.terms_for(currency)
    if seen is None or terms is None:
        return None
    return Leg(seen.mid, terms.spread_bps, seen.as_of, seen.as_of + terms.max_age)


def _join(mid: Decimal, first: Leg, second: Leg) -> Leg:
    """Spreads add up, as each leg is a trade; the joined rate is as old as its older leg."""
    return Leg(
        mid,
        first.spread_bps + second.spread_bps,
        min(first.as_of, second.as_of),
        min(first.fresh_until, second.fresh_until),
    )


def _pair_rate(source: str, destination: str, leg: Leg, sources: Sequence[SourceRates]) -> PairRate:
    keep = all(s.terms.on_stale is OnStale.USE_LAST_KNOWN for s in sources)
    factor = Decimal(_BPS - leg.spread_bps).scaleb(-4)
    return PairRate(
        source_currency=source,
        destination_currency=destination,
        mid=leg.mid,
        spread_bps=leg.spread_bps,
        rate=_EXACT.multiply(leg.mid, factor).normalize(_EXACT),
        source="+".join(s.terms.name for s in sources),
        as_of=leg.as_of,
        fresh_until=leg.fresh_until,
        usable_until=FOREVER if keep else leg.fresh_until,
        opens=max(s.terms.effective_from for s in sources),
        closes=min(s.terms.effective_until for s in sources),
        final=any(s.terms.on_stale is OnStale.REJECT for s in sources),
        bridged=len(sources) > 1,
    )
