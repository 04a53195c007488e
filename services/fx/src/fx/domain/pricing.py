"""The price of a conversion, rounded in the house's favour."""

from decimal import Decimal
from enum import StrEnum

from fx.domain.refusals import Refusal
from fx.domain.table import PairRate
from kurs.contracts.fx import Code
from kurs.kernel.money import MAX_MINOR, InvalidAmount, Rounding, convert, exponent, format_amount


class Side(StrEnum):
    """Which amount the customer fixes."""

    SOURCE = "source"
    DESTINATION = "destination"


def price(pair: PairRate, side: Side, minor: int) -> tuple[int, int]:
    """Return the source and destination amounts in minor units, one of them being `minor`.

    A fixed source buys the destination rounded down, a fixed destination costs the source rounded
    up; so a payment split into parts never buys more. Raises Refusal.
    """
    if side is Side.SOURCE:
        return minor, destination_for(pair, minor)
    cost = source_for(pair, minor)
    _convert(pair, cost, pair.mid, "destination_amount")
    return cost, minor


def destination_for(pair: PairRate, source_minor: int) -> int:
    """Return what `source_minor` buys.

    Raises Refusal when that is nothing, and when it does not fit 64 bits even
    before the spread: the house pays out at mid.
    """
    source, destination = pair.source_currency, pair.destination_currency
    _convert(pair, source_minor, pair.mid, "source_amount")
    bought = _convert(pair, source_minor, pair.rate, "source_amount")
    if bought == 0:
        least = format_amount(source_for(pair, 1), source)
        raise Refusal(
            Code.AMOUNT_TOO_SMALL,
            f"{format_amount(source_minor, source)} {source} is less than the smallest unit"
            f" of {destination}",
            field="source_amount",
            hint=f"send at least {least} {source}",
        )
    return bought


def source_for(pair: PairRate, destination_minor: int) -> int:
    """Return the least source amount that buys `destination_minor`; raises Refusal."""
    # Whole numbers throughout: a quotient cut to some digits could be one unit too low.
    numerator, denominator = pair.rate.as_integer_ratio()
    shift = exponent(pair.destination_currency) - exponent(pair.source_currency)
    if shift >= 0:
        numerator *= 10**shift
    else:
        denominator *= 10**-shift
    cost = -(-destination_minor * denominator // numerator)
    if cost > MAX_MINOR:
        raise Refusal(
            Code.AMOUNT_TOO_LARGE,
            f"{destination_minor} minor units of {pair.destination_currency} cost more"
            f" {pair.source_currency} than an amount holds",
            field="destination_amount",
            hint="ask for less",
        )
    return cost


def _convert(pair: PairRate, source_minor: int, rate: Decimal, field: str) -> int:
    source, destination = pair.source_currency, pair.destination_currency
    try:
        return convert(source_minor, source, destination, rate, Rounding.DOWN)
    except InvalidAmount:
        raise Refusal(
            Code.AMOUNT_TOO_LARGE,
            f"{format_amount(source_minor, source)} {source} is worth more {destination} than an"
            " amount holds",
            field=field,
            hint="ask for less",
        ) from None
