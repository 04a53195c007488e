"""Money: integer minor units of an ISO 4217 currency, and every conversion of them.

Errors:
    MoneyError (ValueError)
    ├── UnknownCurrency    the code is no ISO 4217 currency with minor units
    └── InvalidAmount      text or a number that is no payable amount (has `code` and `hint`)
"""

import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from enum import Enum
from functools import lru_cache

from kurs.kernel.currencies import by_code

MAX_MINOR = 2**63 - 1
"""The largest amount a 64-bit column holds, in minor units."""

_PLAIN = re.compile(r"(\d{1,19})(?:\.(\d{1,18}))?", re.ASCII)
# 38 digits hold the product of a 64-bit amount and a rate of 19 digits without rounding.
_EXACT = Context(prec=60)


class MoneyError(ValueError):
    """Base of what can be wrong with money."""


class UnknownCurrency(MoneyError):
    """The code is no ISO 4217 currency with minor units."""


class InvalidAmount(MoneyError):
    """The amount cannot be paid; `code` is stable, `hint` says what would be right."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class Rounding(Enum):
    """Which way a conversion goes where minor units end."""

    DOWN = ROUND_FLOOR
    UP = ROUND_CEILING


@lru_cache(maxsize=512)
def exponent(currency: str) -> int:
    """Return the number of decimals of an ISO 4217 currency (JPY 0, USD 2, BHD 3), or a past one.

    Raises UnknownCurrency for other text and for codes without minor units (gold, test codes).
    """
    found = by_code().get(currency)
    if found is None:
        raise UnknownCurrency(f"{currency!r} is not an ISO 4217 currency code such as IDR or USD")
    return found.decimals


def is_known(currency: str) -> bool:
    """Tell whether `currency` is an ISO 4217 code with minor units, of today or of the past."""
    try:
        exponent(currency)
    except UnknownCurrency:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units that never loses its currency."""

    minor: int
    currency: str

    def __str__(self) -> str:
        return f"{format_amount(self.minor, self.currency)} {self.currency}"


def parse_amount(text: str, currency: str) -> int:
    """Read an amount in major units (`"188.52"`) as positive minor units of `currency`.

    Raises UnknownCurrency, and InvalidAmount with one of the codes `amount_malformed`,
    `amount_not_positive`, `amount_too_precise`, `amount_too_large`.
    """
    digits = exponent(currency)
    match = _PLAIN.fullmatch(text)
    if match is None:
        raise _malformed(text, currency, digits)
    whole, fraction = match[1], (match[2] or "").rstrip("0")
    if len(fraction) > digits:
        raise InvalidAmount(
            "amount_too_precise",
            f"{currency} has {digits} decimals, {text} has more",
            f"write at most {digits} decimals",
        )
    minor = int(whole + fraction.ljust(digits, "0"))
    if minor == 0:
        raise InvalidAmount("amount_not_positive", "the amount is zero", "pay more than zero")
    if minor > MAX_MINOR:
        raise _too_large(currency)
    return minor


def format_amount(minor: int, currency: str) -> str:
    """Render minor units as major units with all decimals of `currency`: `"188.52"`, `"-3.000"`."""
    digits = exponent(currency)
    if digits == 0:
        return str(minor)
    sign = "-" if minor < 0 else ""
    text = str(abs(minor)).rjust(digits + 1, "0")
    return f"{sign}{text[:-digits]}.{text[-digits:]}"


def convert(minor: int, source: str, destination: str, rate: Decimal, rounding: Rounding) -> int:
    """Convert minor units of `source` to minor units of `destination`.

    `rate` is units of destination for one unit of source. The product is exact; it is rounded
    once, here, in the direction that the caller names. Raises InvalidAmount (`amount_too_large`)
    past 64 bits.
    """
    shift = exponent(destination) - exponent(source)
    exact = _EXACT.multiply(Decimal(minor), rate).scaleb(shift, _EXACT)
    result = int(exact.to_integral_value(rounding.value))
    if abs(result) > MAX_MINOR:
        raise _too_large(destination)
    return result


def _malformed(text: str, currency: str, digits: int) -> InvalidAmount:
    if text.startswith("-") and _PLAIN.fullmatch(text[1:]):
        return InvalidAmount("amount_not_positive", f"{text} is negative", "pay more than zero")
    if re.fullmatch(r"\d{20,}(\.\d+)?", text):
        return _too_large(currency)
    example = "1500" if digits == 0 else "188." + "5".ljust(digits, "0")
    shown = text if len(text) <= 40 else text[:40] + "…"
    return InvalidAmount(
        "amount_malformed",
        f"{shown!r} is not a plain decimal number",
        f'write digits and at most {digits} decimals, such as "{example}"',
    )


def _too_large(currency: str) -> InvalidAmount:
    limit = format_amount(MAX_MINOR, currency)
    return InvalidAmount("amount_too_large", "the amount is too large", f"pay at most {limit}")
