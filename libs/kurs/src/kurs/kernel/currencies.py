"""The table of currencies as callers are told of it: code, decimals, name, and what can be paid."""

from dataclasses import dataclass
from functools import cache

from iso4217 import Currency as Iso4217

from kurs.kernel.money import exponent, is_known


@dataclass(frozen=True, slots=True)
class Currency:
    """One ISO 4217 currency; `payable` is whether new payments may be in it."""

    code: str
    decimals: int
    payable: bool
    name: str


@cache
def currencies() -> tuple[Currency, ...]:
    """Return every currency, by code."""
    known = sorted((c.code, c.currency_name) for c in Iso4217 if is_known(c.code))
    return tuple(Currency(code, exponent(code), True, name) for code, name in known)
