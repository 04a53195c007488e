"""The price of a conversion: exact, one rounding, never against the house."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.fx.domain.refused import refused

from fx.domain.pricing import Side, destination_for, price, source_for
from fx.domain.rates import Observation, PairTerms, SourceRates, SourceTerms
from fx.domain.refusals import Refusal
from fx.domain.table import PairRate, RateTable
from kurs.contracts.fx import Code
from kurs.kernel.money import MAX_MINOR, exponent

NOW = 1_000_000
CURRENCIES = ["USD", "IDR", "JPY", "KRW", "BHD", "KWD", "GBP"]

mids = st.decimals("0.00001", "99999", allow_nan=False, places=5)
spreads = st.integers(0, 1000)
amounts = st.integers(1, 10**14)


def table_of(rates: dict[str, Decimal], spread_bps: int) -> RateTable:
    pair = PairTerms(spread_bps, 10**15)
    terms = SourceTerms("s", "EUR", dict.fromkeys(rates, pair))
    return RateTable([SourceRates(terms, {c: Observation(m, NOW) for c, m in rates.items()})])


@st.composite
def tables(draw: st.DrawFn) -> RateTable:
    return table_of({c: draw(mids) for c in CURRENCIES}, draw(spreads))


@st.composite
def pairs(draw: st.DrawFn) -> PairRate:
    source, destination = draw(
        st.lists(st.sampled_from(["EUR", *CURRENCIES]), min_size=2, max_size=2, unique=True)
    )
    rates = {currency: draw(mids) for currency in (source, destination) if currency != "EUR"}
    return table_of(rates, draw(spreads)).select(source, destination, NOW)


def exact_value(pair: PairRate, source_minor: int) -> Fraction:
    """Return what `source_minor` is worth at the rate, in minor units, without any rounding."""
    shift = exponent(pair.destination_currency) - exponent(pair.source_currency)
    return Fraction(pair.rate) * source_minor * Fraction(10) ** shift


def bought(pair: PairRate, minor: int) -> int:
    try:
        return destination_for(pair, minor)
    except Refusal as refusal:
        assume(refusal.code is Code.AMOUNT_TOO_SMALL)
        return 0


@given(pairs(), amounts)
def test_a_fixed_source_buys_the_exact_value_rounded_down(pair: PairRate, minor: int) -> None:
    got = bought(pair, minor)

    assert got <= exact_value(pair, minor) < got + 1


@given(pairs(), amounts)
def test_a_fixed_destination_costs_the_least_source_that_buys_it(
    pair: PairRate, minor: int
) -> None:
    try:
        cost = source_for(pair, minor)
    except Refusal:
        assume(False)

    assert exact_value(pair, cost) >= minor
    assert exact_value(pair, cost - 1) < minor


@given(pairs(), st.lists(amounts, min_size=2, max_size=6))
def test_splitting_a_payment_gains_nothing(pair: PairRate, parts: list[int]) -> None:
    assert sum(bought(pair, part) for part in parts) <= bought(pair, sum(parts))


@given(pairs(), st.lists(st.integers(1, 10**9), min_size=2, max_size=6))
def test_splitting_what_is_to_arrive_saves_nothing(pair: PairRate, parts: list[int]) -> None:
    try:
        assert sum(source_for(pair, part) for part in parts) >= source_for(pair, sum(parts))
    except Refusal:
        assume(False)


@settings(max_examples=50)
@given(tables(), st.permutations(["EUR", *CURRENCIES]), st.integers(2, 6), amounts)
def test_no_way_round_ends_above_where_it_began(
    table: RateTable, order: list[str], length: int, minor: int
) -> None:
    stops = [*order[:length], order[0]]
    held = minor
    for source, destination in pairwise(stops):
        if held:
            held = bought(table.select(source, destination, NOW), held)

    assert held <= minor


def test_the_spread_is_taken_off_the_mid_to_the_last_digit() -> None:
    pair = table_of({"IDR": Decimal("17012.33")}, 25).select("EUR", "IDR", NOW)

    assert pair.rate == Decimal("17012.33") * Decimal("0.9975")
    assert price(pair, Side.SOURCE, 100_00) == (100_00, 1_696_979_91)
    assert price(pair, Side.DESTINATION, 1_696_979_91) == (100_00, 1_696_979_91)
    assert price(pair, Side.DESTINATION, 1_696_979_92) == (100_01, 1_696_979_92)


@pytest.mark.parametrize(
    ("rates", "source", "destination", "minor", "expected"),
    [
        ({"JPY": "163.10"}, "EUR", "JPY", 1_00, 163),
        ({"JPY": "163.10"}, "JPY", "EUR", 1_000, 6_13),
        ({"BHD": "0.4075"}, "EUR", "BHD", 1_00, 407),
        ({"BHD": "0.4075"}, "BHD", "EUR", 1_000, 2_45),
        ({"JPY": "163.10", "BHD": "0.4075"}, "BHD", "JPY", 1_000, 400),
    ],
)
def test_currencies_of_other_decimals_convert_by_their_own(
    rates: dict[str, str], source: str, destination: str, minor: int, expected: int
) -> None:
    table = table_of({c: Decimal(r) for c, r in rates.items()}, 0)

    assert destination_for(table.select(source, destination, NOW), minor) == expected


def test_an_amount_that_converts_to_nothing_is_refused_with_the_least_that_does_not() -> None:
    pair = table_of({"IDR": Decimal("17012.33")}, 0).select("IDR", "EUR", NOW)

    with refused(Code.AMOUNT_TOO_SMALL) as refusal:
        destination_for(pair, 100_00)

    assert refusal.value.field == "source_amount"
    assert refusal.value.hint == "send at least 170.13 IDR"
    assert destination_for(pair, 170_13) == 1


def test_an_amount_beyond_64_bits_is_refused_on_either_side() -> None:
    pair = table_of({"IDR": Decimal("17012.33")}, 0).select("EUR", "IDR", NOW)

    with refused(Code.AMOUNT_TOO_LARGE):
        price(pair, Side.SOURCE, MAX_MINOR)
    back = table_of({"IDR": Decimal("17012.33")}, 0).select("IDR", "EUR", NOW)
    with refused(Code.AMOUNT_TOO_LARGE):
        price(back, Side.DESTINATION, MAX_MINOR)


def test_an_amount_that_fits_only_after_the_spread_is_refused_too() -> None:
    """The house pays out at mid; the spread is a posting of its own."""
    pair = table_of({"IDR": Decimal(16000)}, 50).select("EUR", "IDR", NOW)
    fits, too_large = 5_764_607_523_034_22, 5_780_000_000_000_00

    assert price(pair, Side.SOURCE, fits)[0] == fits
    with refused(Code.AMOUNT_TOO_LARGE) as refusal:
        price(pair, Side.SOURCE, too_large)
    assert refusal.value.field == "source_amount"
    with refused(Code.AMOUNT_TOO_LARGE) as refusal:
        price(pair, Side.DESTINATION, MAX_MINOR)
    assert refusal.value.field == "destination_amount"
