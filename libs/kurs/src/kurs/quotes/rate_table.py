"""The rates that fx publishes, and exact conversion by them into another currency."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from kurs.kernel.ids import CurrencyCode
from kurs.kernel.money import exponent

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Factor:
    """Minor units of one currency for a minor unit of another, as an exact ratio."""

    numerator: int
    denominator: int

    def convert(self, minor: int) -> int:
        """Return `minor` converted and rounded up.

        Rounding up keeps comparing with a whole limit exact: ceil(x) > limit just when x > limit.
        """
        return -(-minor * self.numerator // self.denominator)


_SAME = Factor(1, 1)


@dataclass(frozen=True, slots=True)
class RateTable:
    """The usable mid rates of one moment: units of `quote` for one unit of `base`.

    Stale rates are not in it. A pair is found directly, inverted, or through one currency that
    has a rate to both; the first such currency by name, so that every replica takes the same.
    """

    mids: Mapping[Pair, Fraction] = field(default_factory=dict)
    _known: dict[Pair, Factor | None] = field(default_factory=dict, compare=False, repr=False)

    def factor(self, source: str, destination: str) -> Factor | None:
        """Return the factor from `source` to `destination`, or None without a usable rate."""
        if source == destination:
            return _SAME
        pair = (source, destination)
        if pair not in self._known:
            self._known[pair] = self._derive(source, destination)
        return self._known[pair]

    def _derive(self, source: str, destination: str) -> Factor | None:
        rate = self._quoted(source, destination) or self._through(source, destination)
        if rate is None:
            return None
        minor = rate * Fraction(10) ** (exponent(destination) - exponent(source))
        return Factor(minor.numerator, minor.denominator)

    def _quoted(self, source: str, destination: str) -> Fraction | None:
        direct = self.mids.get((source, destination))
        if direct is not None:
            return direct
        inverse = self.mids.get((destination, source))
        return None if inverse is None else 1 / inverse

    def _through(self, source: str, destination: str) -> Fraction | None:
        for middle in sorted({currency for pair in self.mids for currency in pair}):
            first = self._quoted(source, middle)
            second = self._quoted(middle, destination)
            if first is not None and second is not None:
                return first * second
        return None


NO_RATES = RateTable()


class PublishedRate(BaseModel):
    """One rate of fx's `GET /rates`, as far as it is read here."""

    base: CurrencyCode
    quote: CurrencyCode
    mid: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
    stale: bool


class PublishedRates(BaseModel):
    """The answer of `GET /rates`; rates that cannot be read are left out, not fatal."""

    rates: list[Any]


_RATES = TypeAdapter(PublishedRates)
_RATE = TypeAdapter(PublishedRate)


def published_mids(body: bytes) -> dict[Pair, Fraction]:
    """Return the mid rates of an answer of `GET /rates` that are not stale; raises ValueError."""
    mids: dict[Pair, Fraction] = {}
    for item in _RATES.validate_json(body).rates:
        with suppress(ValidationError):
            rate = _RATE.validate_python(item)
            if not rate.stale:
                # The first of a pair is the source that fx itself prefers.
                mids.setdefault((rate.base, rate.quote), Fraction(rate.mid))
    return mids
