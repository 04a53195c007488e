"""Promises about rates: who said them, how old they were, and the spread that was taken."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from simulation.documents import MAX_AGE_SECONDS, QUOTE_SECONDS, Edition
from simulation.oracle.promise import BrokenPromise
from simulation.topology import FIXED

_APART_SECONDS = 8
"""How far clocks are apart, and how long a price is on its way."""
_DIGITS = Fraction(1, 10**12)
"""A mid between two quoted currencies is a quotient, of so many digits at least."""
_KEPT_READINGS = 4
"""How many readings further on a rate may still be young: one comes every five seconds."""
_ONE = Fraction(1)
Said = Mapping[str, Fraction]


def check_rates(
    payments: Iterable[Mapping[str, Any]],
    said: Sequence[Said],
    editions: Mapping[str, Edition],
    brought: Mapping[str, Mapping[str, Any]],
) -> None:
    """Hold each payment's rate to what its source said, in time; raises BrokenPromise.

    `brought` are quotes that payments came with, by payment: such a rate was young when the quote
    was made, which holds for a while.
    """
    known: dict[tuple[str, str], set[str]] = {}
    for row in payments:
        if not row["exchange"]:
            continue
        exchange = json.loads(row["exchange"])
        edition = editions[exchange["config_revision"]]
        pair = (row["currency"], row["destination_currency"])
        steps = 1 if "USD" in pair else 2
        if exchange["spread_bps"] != edition.spread_bps * steps:
            raise BrokenPromise("the spread is the one in force", f"{row['payment_id']} {exchange}")
        _check_source(row, exchange, edition, pair, said, known)
        quote = brought.get(row["payment_id"].replace("q", "p"), {})
        held = QUOTE_SECONDS if quote.get("quote_id") == exchange["quote_id"] else 0
        _check_age(row, exchange, MAX_AGE_SECONDS + _APART_SECONDS + held)


def _check_source(
    row: Mapping[str, Any],
    exchange: Mapping[str, Any],
    edition: Edition,
    pair: tuple[str, str],
    said: Sequence[Said],
    known: dict[tuple[str, str], set[str]],
) -> None:
    seen, mid = f"{row['payment_id']} {exchange}", Fraction(exchange["mid"])
    if exchange["source"] == "fixed":
        if not edition.fixed or not _same(mid, _mid(FIXED, pair)):
            raise BrokenPromise("a rate is one that its source said", seen)
        return
    if pair not in known:
        known[pair] = {name for mid_said in _mids(said, pair) for name in _near(mid_said)}
    if not edition.market or not known[pair] & _near(mid):
        raise BrokenPromise("a rate is one that its source said", seen)


def _check_age(row: Mapping[str, Any], exchange: Mapping[str, Any], seconds: int) -> None:
    if exchange["source"] == "fixed":
        return
    if row["created_at"] - exchange["as_of"] > seconds * 1_000_000:
        raise BrokenPromise("a rate that is too old is not used", f"{row['payment_id']} {exchange}")


def _mid(rates: Said, pair: tuple[str, str]) -> Fraction:
    source, destination = pair
    return rates.get(destination, _ONE) / rates.get(source, _ONE)


def _mids(said: Sequence[Said], pair: tuple[str, str]) -> Iterator[Fraction]:
    """Yield the mids that a market said, each currency's of a reading of its own.

    A rate that moved too far is passed over alone, for as long as the one before it is young.
    """
    source, destination = pair
    for place, reading in enumerate(said):
        for other in said[max(0, place - _KEPT_READINGS) : place + _KEPT_READINGS + 1]:
            yield other.get(destination, _ONE) / reading.get(source, _ONE)


def _same(one: Fraction, other: Fraction) -> bool:
    return abs(one - other) <= other * _DIGITS


def _near(mid: Fraction) -> set[str]:
    """Return a mid's first digits, rounded either way; mids that are the same share one."""
    return {f"{float(mid * (1 + off)):.10e}" for off in (-_DIGITS, _DIGITS)}
