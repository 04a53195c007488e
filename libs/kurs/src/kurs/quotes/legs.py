"""What a quote allows to be moved: three amounts, their parts, and what is given back of them.

A conversion is one transfer: the payer pays the source amount to the house's liquidity, which pays
out at the mid rate; the spread is a posting of its own to the house's revenue, so that the mid rate
stays readable from the ledger. payments makes such transfers and the wallet checks them, by the
same rules.
"""

from decimal import Decimal
from typing import NamedTuple

from kurs.kernel.money import Rounding, convert
from kurs.quotes.token import Quote


class Legs(NamedTuple):
    """Minor units: what is paid, what it is worth at mid, and what arrives."""

    source: int
    mid: int
    destination: int

    def part(self, source: int) -> "Legs":
        """Return the legs of a part of the source amount, rounded in the house's favour."""
        return Legs(
            source, self.mid * source // self.source, self.destination * source // self.source
        )

    def returned(self, before: int, amount: int) -> "Legs":
        """Return the legs of giving back `amount` of the source after `before` was given back.

        They are the step between two sums, in which the receiver's part rounds up: any number of
        parts gives back exactly the whole.
        """
        start, end = self._given_back(before), self._given_back(before + amount)
        return Legs(amount, end.mid - start.mid, end.destination - start.destination)

    def without_spread(self) -> "Legs":
        """Return the legs by which all that it is worth at mid goes to (or from) the receiver."""
        return Legs(self.source, self.mid, self.mid)

    def _given_back(self, source: int) -> "Legs":
        return Legs(
            source,
            self.mid * source // self.source,
            -(-self.destination * source // self.source),
        )


def exchange_legs(
    source_minor: int, source: str, destination_minor: int, destination: str, mid: Decimal
) -> Legs:
    """Return the legs of a conversion between two currencies.

    Raises InvalidAmount (`amount_too_large`) when the worth at mid does not fit 64 bits.
    """
    worth = convert(source_minor, source, destination, mid, Rounding.DOWN)
    # A quote for a fixed destination rounds the source up, so mid can only be the larger one;
    # the guard keeps revenue from ever being negative.
    return Legs(source_minor, max(worth, destination_minor), destination_minor)


def quote_legs(quote: Quote) -> Legs:
    """Return the legs of the whole quote; raises InvalidAmount (`amount_too_large`)."""
    return exchange_legs(
        quote.source_minor,
        quote.source_currency,
        quote.destination_minor,
        quote.destination_currency,
        quote.mid,
    )
