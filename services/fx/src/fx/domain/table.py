"""The rate table: one immutable answer to "what is this pair worth, and who says so?"

A pair is found within one source, directly, inverted, or through the source's base. A pair that no
single source knows is bridged: one source leads to the other's base, where the other goes on.
A new table replaces the old one whole, so that a request never sees half of a change.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from itertools import permutations

from fx.domain.rates import DERIVED, OnStale, SourceRates
from fx.domain.refusals import PairNotSupported, SameCurrency, StaleRate

FOREVER = 2**63 - 1
_BPS = 10_000
# A mid of at most 18 digits times a factor of four decimals fits whole.
_EXACT = Context(prec=40)


@dataclass(frozen=True, slots=True)
class PairRate:
    """What one source, or two joined, says of a pair.

    `mid` and `rate` are units of destination for one unit of source; `rate` is exactly
    `mid x (1 - spread_bps / 10,000)`. The rate is fresh until `fresh_until` and may be used until
    `usable_until`; `final` means that no later source may stand in for it.
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
    final: bool

    def age(self, now: int) -> int:
        """Return the age in microseconds; a source's clock ahead of ours makes it zero."""
        return max(0, now - self.as_of)

    def is_stale(self, now: int) -> bool:
        """Tell whether the rate is older than its source allows."""
        return now > self.fresh_until


@dataclass(frozen=True, slots=True)
class _Leg:
    mid: Decimal
    spread_bps: int
    as_of: int
    fresh_until: int


_STILL = _Leg(Decimal(1), 0, FOREVER, FOREVER)


class RateTable:
    """Every pair that the given sources can price, the highest priority first.

    Sources of equal priority keep the order in which they are given.
    """

    def __init__(self, sources: Iterable[SourceRates], revision: str = "") -> None:
        self.revision = revision
        self.sources: Sequence[SourceRates] = sorted(
            sources, key=lambda s: s.terms.priority, reverse=True
        )
        self._found: dict[tuple[str, str], tuple[PairRate, ...]] = {}

    def select(self, source: str, destination: str, now: int) -> PairRate:
        """Return the best usable rate; raises SameCurrency, PairNotSupported or StaleRate."""
        candidates = self.candidates(source, destination)
        for candidate in candidates:
            if now <= candidate.usable_until:
                return candidate
            if candidate.final:
                break
        if source == destination:
            raise SameCurrency(
                f"{source} to {destination} is no conversion", field="destination_currency"
            )
        if not candidates:
            raise PairNotSupported(f"no rate source knows {source} to {destination}")
        age = candidates[0].age(now) // 1_000_000
        raise StaleRate(
            f"the rate for {source} to {destination} from {candidates[0].source}"
            f" is {age} seconds old, older than its source allows"
        )

    def candidates(self, source: str, destination: str) -> tuple[PairRate, ...]:
        """Return all that is said of a pair, best first, stale ones included."""
        key = (source, destination)
        found = self._found.get(key)
        if found is None:
            found = tuple(self._search(source, destination)) if source != destination else ()
            self._found[key] = found
        return found

    def usable(self, now: int) -> bool:
        """Tell whether at least one pair can be priced."""
        return any(
            now <= candidate.usable_until
            for rates in self.sources
            for currency in rates.observed
            for candidate in self.candidates(rates.terms.base, currency)
        )

    def _search(self, source: str, destination: str) -> Iterator[PairRate]:
        found = False
        for rates in self.sources:
            leg = _within(rates, source, destination)
            if leg is not None:
                found = True
                yield _pair_rate(source, destination, leg, [rates])
        if found:
            return
        for first, second in permutations(self.sources, 2):
            leg = _bridge(first, second, source, destination)
            if leg is not None:
                yield _pair_rate(source, destination, leg, [first, second])


def _within(rates: SourceRates, source: str, destination: str) -> _Leg | None:
    """Go from `source` to `destination` through the base of one source."""
    down, up = _from_base(rates, source), _from_base(rates, destination)
    if down is None or up is None:
        return None
    if source == rates.terms.base:
        return up
    if destination == rates.terms.base:
        return _Leg(DERIVED.divide(1, down.mid), down.spread_bps, down.as_of, down.fresh_until)
    # One division, not the product of two rounded mids.
    return _join(DERIVED.divide(up.mid, down.mid), down, up)


def _bridge(first: SourceRates, second: SourceRates, source: str, destination: str) -> _Leg | None:
    """Go from one source to the other by the base of either."""
    for base in (second.terms.base, first.terms.base):
        if base in (source, destination):
            continue
        near, far = _within(first, source, base), _within(second, base, destination)
        if near is not None and far is not None:
            return _join(DERIVED.multiply(near.mid, far.mid), near, far)
    return None


def _from_base(rates: SourceRates, currency: str) -> _Leg | None:
    """Return the leg whose mid is units of `currency` for one of the base."""
    if currency == rates.terms.base:
        return _STILL
    seen, terms = rates.observed.get(currency), rates.terms.pairs.get(currency)
    if seen is None or terms is None:
        return None
    return _Leg(seen.mid, terms.spread_bps, seen.as_of, seen.as_of + terms.max_age)


def _join(mid: Decimal, first: _Leg, second: _Leg) -> _Leg:
    """Spreads add up, as each leg is a trade; the joined rate is as old as its older leg."""
    return _Leg(
        mid,
        first.spread_bps + second.spread_bps,
        min(first.as_of, second.as_of),
        min(first.fresh_until, second.fresh_until),
    )


def _pair_rate(
    source: str, destination: str, leg: _Leg, sources: Sequence[SourceRates]
) -> PairRate:
    keep = all(s.terms.on_stale is OnStale.USE_LAST_KNOWN for s in sources)
    factor = Decimal(_BPS - leg.spread_bps).scaleb(-4)
    return PairRate(
        source_currency=source,
        destination_currency=destination,
        mid=leg.mid,
        spread_bps=leg.spread_bps,
        rate=_EXACT.multiply(leg.mid, factor),
        source="+".join(s.terms.name for s in sources),
        as_of=leg.as_of,
        fresh_until=leg.fresh_until,
        usable_until=FOREVER if keep else leg.fresh_until,
        final=any(s.terms.on_stale is OnStale.REJECT for s in sources),
    )
