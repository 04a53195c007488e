"""Exact factors between currencies, found directly, inverted or through another."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from kurs.quotes.rate_table import NO_RATES, Factor, RateTable

TABLE = RateTable(
    {
        ("EUR", "USD"): Fraction("1.25"),
        ("EUR", "JPY"): Fraction(160),
        ("EUR", "BHD"): Fraction("0.5"),
        ("USD", "IDR"): Fraction(16_000),
    }
)


def test_a_pair_is_found_directly_inverted_or_through_another_currency() -> None:
    assert TABLE.factor("EUR", "USD") == Factor(5, 4)
    assert TABLE.factor("USD", "EUR") == Factor(4, 5)
    assert TABLE.factor("USD", "BHD") == Factor(4, 1)  # 0.4 dinar, of three decimals
    assert TABLE.factor("JPY", "USD") == Factor(25, 32)  # 0.0078125 dollars, yen have no decimals
    assert TABLE.factor("USD", "USD") == Factor(1, 1)


def test_a_pair_that_is_two_steps_away_from_any_rate_is_not_known() -> None:
    assert TABLE.factor("JPY", "IDR") is None
    assert TABLE.factor("JPY", "GBP") is None
    assert NO_RATES.factor("USD", "EUR") is None


@given(st.integers(1, 2**63 - 1), st.sampled_from(("USD", "JPY", "BHD")))
def test_a_conversion_is_rounded_up_by_less_than_one_minor_unit(minor: int, currency: str) -> None:
    factor = TABLE.factor("EUR", currency)
    assert factor is not None
    exact = Fraction(minor) * factor.numerator / factor.denominator

    assert 0 <= factor.convert(minor) - exact < 1
