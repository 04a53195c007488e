"""What is believed of a source's answer."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fx.domain.guard import MAX_FUTURE, Reason, deviation_bps, screen
from fx.domain.rates import Observation, PairTerms, SourceTerms

NOW = 1_000_000_000_000
PAIR = PairTerms(0, NOW)
TERMS = SourceTerms("s", "EUR", {"USD": PAIR, "IDR": PAIR}, max_deviation_bps=500)


def seen(mid: str, at: int = NOW) -> Observation:
    return Observation(Decimal(mid), at)


def test_a_jump_is_refused_for_that_currency_alone() -> None:
    last = {"USD": seen("1.00", 5), "IDR": seen("17000", 5)}

    kept, rejections = screen(TERMS, last, {"USD": seen("2.00"), "IDR": seen("17100")}, NOW)

    assert kept == {"USD": seen("1.00", 5), "IDR": seen("17100")}
    assert [(r.currency, r.reason) for r in rejections] == [("USD", Reason.DEVIATION)]
    assert str(rejections[0]).startswith("USD: moved 10000 bps")
    assert rejections[0].detail == "moved 10000 bps from 1.00; maxDeviationBps is 500"


def test_a_fall_to_half_is_as_far_as_a_rise_to_the_double() -> None:
    assert deviation_bps(Decimal(1), Decimal(2)) == 10_000
    assert deviation_bps(Decimal(2), Decimal(1)) == 10_000
    assert deviation_bps(Decimal("1.00"), Decimal("1.05")) == 500
    assert deviation_bps(Decimal("1.00"), Decimal("1.050000001")) == 501
    assert deviation_bps(Decimal(1), Decimal(1)) == 0


@given(st.decimals("1e-9", "1e9", places=9).filter(bool), st.integers(-400, 400))
def test_a_move_within_the_bound_is_taken(mid: Decimal, bps: int) -> None:
    last = {"USD": Observation(mid, 5)}
    moved = Observation(mid * (10_000 + bps) / 10_000, NOW)

    kept, rejections = screen(TERMS, last, {"USD": moved, "IDR": seen("1")}, NOW)

    assert not rejections
    assert kept["USD"].as_of == NOW


def test_the_first_rate_has_nothing_to_deviate_from() -> None:
    kept, rejections = screen(TERMS, {}, {"USD": seen("1"), "IDR": seen("2")}, NOW)

    assert not rejections
    assert set(kept) == {"USD", "IDR"}


@pytest.mark.parametrize("mid", ["0", "-1.1", "NaN", "Infinity", "1e500"])
def test_a_number_that_is_no_rate_leaves_the_last_good_one(mid: str) -> None:
    last = {"USD": seen("1.1", 5)}

    kept, rejections = screen(TERMS, last, {"USD": seen(mid), "IDR": seen("2")}, NOW)

    assert kept["USD"] == seen("1.1", 5)
    assert [(r.currency, r.reason) for r in rejections] == [("USD", Reason.INVALID)]


def test_a_rate_dated_in_the_future_is_refused() -> None:
    late, ahead = seen("1", NOW + MAX_FUTURE), seen("1", NOW + MAX_FUTURE + 1)

    kept, rejections = screen(TERMS, {}, {"USD": late, "IDR": ahead}, NOW)

    assert set(kept) == {"USD"}
    assert [(r.currency, r.reason) for r in rejections] == [("IDR", Reason.FUTURE)]


def test_a_listed_currency_that_is_missing_is_noticed_and_ages() -> None:
    kept, rejections = screen(TERMS, {"USD": seen("1.1", 5)}, {"IDR": seen("2")}, NOW)

    assert kept["USD"] == seen("1.1", 5)
    assert [(r.currency, r.reason) for r in rejections] == [("USD", Reason.MISSING)]


def test_an_open_source_serves_what_comes_and_misses_nothing_unlisted() -> None:
    terms = SourceTerms("s", "EUR", {"USD": PAIR}, default=PAIR)
    fresh = {"USD": seen("1.1"), "SEK": seen("11"), "ZZZ": seen("5"), "EUR": seen("1")}

    kept, rejections = screen(terms, {"NOK": seen("10.3", 5)}, fresh, NOW)

    assert not rejections
    assert kept == {"USD": seen("1.1"), "SEK": seen("11"), "NOK": seen("10.3", 5)}


def test_a_closed_source_serves_its_list_alone() -> None:
    kept, _ = screen(TERMS, {}, {"USD": seen("1"), "IDR": seen("2"), "SEK": seen("11")}, NOW)

    assert set(kept) == {"USD", "IDR"}


def test_what_is_too_old_to_be_sold_is_no_measure_of_a_jump() -> None:
    last = {"USD": seen("1.00", NOW - PAIR.max_age - 1), "IDR": seen("17000", NOW - PAIR.max_age)}

    kept, rejections = screen(TERMS, last, {"USD": seen("2.00"), "IDR": seen("34000")}, NOW)

    assert kept == {"USD": seen("2.00"), "IDR": seen("17000", NOW - PAIR.max_age)}
    assert [(r.currency, r.reason) for r in rejections] == [("IDR", Reason.DEVIATION)]


def test_an_old_rate_takes_the_place_of_no_newer_one() -> None:
    old = seen("1.01", NOW - 10 * PAIR.max_age)

    kept, rejections = screen(TERMS, {"USD": seen("1.00", NOW - 5)}, {"USD": old}, NOW)
    alone, _ = screen(TERMS, {}, {"USD": old}, NOW)

    assert kept["USD"] == seen("1.00", NOW - 5)
    assert (rejections[0].currency, rejections[0].reason) == ("USD", Reason.OLDER)
    assert alone["USD"] == old
