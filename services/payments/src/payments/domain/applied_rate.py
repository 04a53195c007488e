"""The rate that a payment across currencies was made at, and how it is written down as JSON."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from msgspec import Struct


class AppliedRate(Struct, frozen=True):
    """A rate with its origin; `as_of` is in microseconds since the epoch."""

    quote_id: str
    mid: Decimal
    spread_bps: int
    rate: Decimal
    source: str
    as_of: int
    config_revision: str


def rate_values(exchange: AppliedRate) -> dict[str, Any]:
    """Return an exchange as JSON members, decimals as text."""
    return {
        "quote_id": exchange.quote_id,
        "mid": str(exchange.mid),
        "spread_bps": exchange.spread_bps,
        "rate": str(exchange.rate),
        "source": exchange.source,
        "as_of": exchange.as_of,
        "config_revision": exchange.config_revision,
    }


def read_rate(members: Mapping[str, Any]) -> AppliedRate:
    """Return the exchange of its JSON members; what a later release added to them is left out.

    Raises KeyError, TypeError and ArithmeticError for members that are none.
    """
    return AppliedRate(
        quote_id=members["quote_id"],
        mid=Decimal(members["mid"]),
        spread_bps=members["spread_bps"],
        rate=Decimal(members["rate"]),
        source=members["source"],
        as_of=members["as_of"],
        config_revision=members["config_revision"],
    )
