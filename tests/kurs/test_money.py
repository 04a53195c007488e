"""kurs.kernel.money: parsing, rendering and conversion by their laws."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kurs.kernel.money import (
    MAX_MINOR,
    InvalidAmount,
    Rounding,
    UnknownCurrency,
    convert,
    exponent,
    format_amount,
    is_known,
    parse_amount,
)

currencies = st.sampled_from(["USD", "IDR", "JPY", "BHD", "CLF"])
minors = st.integers(min_value=1, max_value=MAX_MINOR)
rates = st.decimals(min_value="0.000001", max_value="100000", places=12)


@pytest.mark.parametrize(("code", "digits"), [("JPY", 0), ("IDR", 2), ("USD", 2), ("BHD", 3)])
def test_exponents_are_those_of_iso_4217(code: str, digits: int) -> None:
    assert exponent(code) == digits


@pytest.mark.parametrize("code", ["", "usd", "US", "XXX", "XAU", "ABC", "USDX"])
def test_other_codes_are_unknown(code: str) -> None:
    assert not is_known(code)
    with pytest.raises(UnknownCurrency, match="ISO 4217"):
        exponent(code)


@given(minor=minors, currency=currencies)
def test_what_is_rendered_is_read_back(minor: int, currency: str) -> None:
    text = format_amount(minor, currency)
    assert parse_amount(text, currency) == minor


@given(minor=st.integers(min_value=-MAX_MINOR, max_value=MAX_MINOR), currency=currencies)
def test_rendering_keeps_every_decimal(minor: int, currency: str) -> None:
    text = format_amount(minor, currency)
    assert Decimal(text).scaleb(exponent(currency)) == minor
    assert len(text.partition(".")[2]) == exponent(currency)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("0", "amount_not_positive"),
        ("0.00", "amount_not_positive"),
        ("-1", "amount_not_positive"),
        ("1.234", "amount_too_precise"),
        ("1e5", "amount_malformed"),
        ("1,000", "amount_malformed"),
        (" 1", "amount_malformed"),
        ("+1", "amount_malformed"),
        ("", "amount_malformed"),
        ("NaN", "amount_malformed"),
        ("\u0661", "amount_malformed"),
        ("92233720368547758.08", "amount_too_large"),
        ("9" * 30, "amount_too_large"),
    ],
    ids=str,
)
def test_what_cannot_be_paid_says_why(value: str, code: str) -> None:
    with pytest.raises(InvalidAmount) as caught:
        parse_amount(value, "USD")
    assert caught.value.code == code
    assert caught.value.hint


def test_trailing_zeros_are_no_precision() -> None:
    assert parse_amount("1.500000", "USD") == 150
    assert parse_amount("7.0", "JPY") == 7


@given(
    minor=st.integers(min_value=1, max_value=10**12), source=currencies, to=currencies, rate=rates
)
def test_a_conversion_rounds_once_and_as_told(
    minor: int, source: str, to: str, rate: Decimal
) -> None:
    exact = Fraction(minor) * Fraction(rate) * Fraction(10) ** (exponent(to) - exponent(source))
    assume(exact < MAX_MINOR)
    down = convert(minor, source, to, rate, Rounding.DOWN)
    up = convert(minor, source, to, rate, Rounding.UP)
    assert down <= exact <= up
    assert up - down == (exact.denominator != 1)


@given(
    parts=st.lists(st.integers(min_value=1, max_value=10**9), min_size=1, max_size=20), rate=rates
)
def test_splitting_gains_nothing(parts: list[int], rate: Decimal) -> None:
    whole = convert(sum(parts), "USD", "IDR", rate, Rounding.DOWN)
    assert sum(convert(part, "USD", "IDR", rate, Rounding.DOWN) for part in parts) <= whole


def test_a_conversion_past_64_bits_is_refused() -> None:
    with pytest.raises(InvalidAmount):
        convert(MAX_MINOR, "USD", "IDR", Decimal(16000), Rounding.DOWN)
