"""Rates out of any JSON answer, found by JMESPath expressions (https://jmespath.org)."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from json import JSONDecoder
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from fx.domain.rates import Observation
from fx.sources.base import SourceError, SourceFault, malformed
from fx.sources.moments import moment_of
from kurs.config.resources import expression_for
from kurs.config.resources.rate_source_types import HttpRates
from kurs.kernel.decoder import Number, unique_members
from kurs.kernel.errors import MalformedJson
from kurs.kernel.money import is_known

MAX_RATES = 200
_NOT_A_RATE = Decimal("NaN")
Find = Callable[[str, str], Any]
"""What a path leads to in an answer, for a quote currency."""


def parse(
    body: bytes, spec: HttpRates, *, base: str, quotes: Sequence[str], now: int
) -> Mapping[str, Observation]:
    """Return the rates of an answer, dated by its `asOfPath`, else `now`; raises SourceError.

    A `ratesPath` with `{quote}` is evaluated for each of `quotes` and gives a rate; one without
    gives an object of currency codes to rates, of which the known currencies are taken. Numbers
    stay decimals; a rate may also be a string. An answer about another base is refused whole.
    """
    find = partial(_search, _load(body), base)
    assert spec.rates_path is not None, "the spec demands a path for JSON"
    each = "{quote}" in spec.rates_path
    rates = _of_each(find, spec.rates_path, [*quotes, base]) if each else _of_object(find, spec)
    _require_base(find, spec.base_path, base, rates)
    rates.pop(base, None)
    dated = _moments(find, spec.as_of_path, now)
    return {quote: Observation(_decimal(found), dated(quote)) for quote, found in rates.items()}


def _of_each(find: Find, path: str, quotes: Sequence[str]) -> dict[str, Any]:
    found = {quote: find(path, quote) for quote in quotes}
    return {quote: rate for quote, rate in found.items() if rate is not None}


def _of_object(find: Find, spec: HttpRates) -> dict[str, Any]:
    found = find(spec.rates_path or "", "")
    if not isinstance(found, dict):
        raise malformed("ratesPath does not lead to an object of rates")
    known = [code for code in found if is_known(code)][:MAX_RATES]
    if not known:
        raise malformed("ratesPath leads to an object without any known currency")
    return {code: found[code] for code in known}


def _require_base(find: Find, path: str | None, base: str, rates: Mapping[str, Any]) -> None:
    """Refuse an answer about another base: a provider may ignore the one that it is asked for."""
    if path is not None and find(path, "") != base:
        raise SourceError(SourceFault.BASE, f"basePath does not lead to {base}")
    own = rates.get(base)
    if own is not None and _decimal(own) != 1:
        message = f"the answer is about another base: its own rate of {base} is not 1"
        raise SourceError(SourceFault.BASE, message)


def _moments(find: Find, path: str | None, now: int) -> Callable[[str], int]:
    if path is None:
        return lambda _: now
    if "{quote}" in path:
        return lambda quote: moment_of(find(path, quote))
    at = moment_of(find(path, ""))
    return lambda _: at


def _load(body: bytes) -> Any:
    try:
        return _DECODER.decode(body.decode("utf-8-sig"))
    except MalformedJson as error:
        name = error.errors[0].field
        # Of a name that the other side chose nothing is said; a currency is ours.
        told = name if is_known(name) else "a name"
        raise malformed(f"{told} occurs more than once in an object of the answer") from None
    except (ValueError, RecursionError):
        raise malformed("the answer is not JSON") from None


def _search(answer: Any, base: str, path: str, quote: str) -> Any:
    try:
        return jmespath.search(expression_for(path, base, quote), answer)
    except (JMESPathError, ValueError, TypeError, ArithmeticError, RecursionError):
        raise malformed("a path of the source cannot be evaluated on the answer") from None


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


_DECODER = JSONDecoder(
    parse_float=_number,
    parse_int=_number,
    parse_constant=lambda _: None,
    object_pairs_hook=unique_members,
)
