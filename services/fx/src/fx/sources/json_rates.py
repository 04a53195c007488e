"""Rates out of any JSON answer, found by a JMESPath expression (https://jmespath.org)."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from fx.domain.rates import Observation
from fx.sources.base import SourceError, SourceFault
from kurs.config.resources import expression_for
from kurs.kernel.decoder import Number
from kurs.kernel.money import is_known

MAX_RATES = 200
_NOT_A_RATE = Decimal("NaN")


def parse(
    body: bytes, rates_path: str, *, base: str, quotes: Sequence[str], as_of: int
) -> Mapping[str, Observation]:
    """Return the rates of an answer, all dated `as_of`; raises SourceError.

    A path with `{quote}` is evaluated for each of `quotes` and gives a rate; one without gives an
    object of currency codes to rates, of which the known currencies are taken. Numbers stay
    decimals; a rate may also be a string.
    """
    answer = _load(body)
    if "{quote}" in rates_path:
        return {
            quote: Observation(_decimal(found), as_of)
            for quote in quotes
            if (found := _search(expression_for(rates_path, base, quote), answer)) is not None
        }
    found = _search(expression_for(rates_path, base, ""), answer)
    if not isinstance(found, dict):
        raise _malformed("ratesPath does not lead to an object of rates")
    known = [code for code in found if is_known(code)][:MAX_RATES]
    if not known:
        raise _malformed("ratesPath leads to an object without any known currency")
    return {code: Observation(_decimal(found[code]), as_of) for code in known}


def _load(body: bytes) -> Any:
    try:
        return json.loads(
            body, parse_float=_number, parse_int=_number, parse_constant=lambda _: None
        )
    except (ValueError, RecursionError):
        raise _malformed("the answer is not JSON") from None


def _search(expression: str, answer: Any) -> Any:
    try:
        return jmespath.search(expression, answer)
    except (JMESPathError, ValueError, TypeError, ArithmeticError, RecursionError):
        raise _malformed("ratesPath cannot be evaluated on the answer") from None


def _decimal(value: Any) -> Decimal:
    """Read a rate; what is none becomes NaN, which is refused for this currency alone."""
    if isinstance(value, bool) or not isinstance(value, Decimal | str | int | float):
        return _NOT_A_RATE
    try:
        return _number(str(value))
    except (InvalidOperation, ValueError):
        return _NOT_A_RATE


def _number(text: str) -> Decimal:
    # A function of JMESPath such as `ceil` would write 1e999999999 out.
    return Decimal(text) if Number(text).is_bounded else _NOT_A_RATE


def _malformed(message: str) -> SourceError:
    return SourceError(SourceFault.MALFORMED, message)
