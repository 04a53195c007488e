"""Which rate a pair gets: direct, inverse, through the base, bridged; by priority, while fresh."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fx.domain.refused import refused

from fx.domain.rates import (
    FOREVER,
    Observation,
    OnStale,
    PairTerms,
    SourceRates,
    SourceTerms,
    stated,
)
from fx.domain.table import RateTable
from kurs.contracts.fx import Code
from kurs.kernel.clock import MICROS
from kurs_testing.clock import ManualClock

Build = Callable[..., SourceRates]


def test_a_pair_is_quoted_directly_inverted_and_through_the_base(
    source_rates: Build, clock: ManualClock
) -> None:
    rates = source_rates("ecb", "EUR", {"USD": "1.0837", "IDR": "17012.33"}, spread_bps=30)
    table, now = RateTable([rates]), clock.now()

    direct = table.select("EUR", "USD", now)
    inverse = table.select("USD", "EUR", now)
    crossed = table.select("USD", "IDR", now)

    assert direct.mid == Decimal("1.0837")
    assert inverse.mid == Decimal("0.9227646027498385")
    assert crossed.mid == Decimal("15698.37593429916")
    assert [direct.spread_bps, inverse.spread_bps, crossed.spread_bps] == [30, 30, 60]
    assert crossed.rate == crossed.mid * Decimal("0.994")


@given(
    st.decimals("0.0001", "99999", places=4),
    st.decimals("0.0001", "99999", places=4),
    st.integers(0, 1000),
)
def test_inverse_and_crossed_mids_agree_to_ten_digits(
    usd: Decimal, idr: Decimal, spread_bps: int
) -> None:
    terms = SourceTerms("s", "EUR", dict.fromkeys(["USD", "IDR"], PairTerms(spread_bps, 1)))
    observed = {"USD": Observation(usd, 0), "IDR": Observation(idr, 0)}
    table = RateTable([SourceRates(terms, observed)])

    there, back = table.select("USD", "IDR", 0), table.select("IDR", "USD", 0)

    assert 1 - Decimal("1e-14") < there.mid * back.mid <= 1
    assert abs(there.mid - idr / usd) <= there.mid * Decimal("1e-14")
    assert there.rate * back.rate <= 1


def test_a_pair_that_no_source_knows_is_bridged_by_a_base(
    source_rates: Build, clock: ManualClock
) -> None:
    ecb = source_rates("ecb", "EUR", {"USD": "1.0837", "IDR": "17012.33"}, spread_bps=10, age=60)
    pegs = source_rates("pegs", "USD", {"BHD": "0.376"}, spread_bps=5, age=10)
    table, now = RateTable([ecb, pegs]), clock.now()

    there = table.select("EUR", "BHD", now)
    back = table.select("BHD", "EUR", now)
    across = table.select("BHD", "IDR", now)

    assert there.mid == Decimal("1.0837") * Decimal("0.376")
    assert there.source == "ecb+pegs"
    assert there.spread_bps == 15
    assert there.age(now) == 60 * MICROS
    assert there.mid * back.mid <= 1
    assert across.source == "pegs+ecb"
    assert across.spread_bps == 25


def test_a_bridge_never_stands_in_for_a_source_that_knows_the_pair(
    source_rates: Build, clock: ManualClock
) -> None:
    whole = source_rates("whole", "EUR", {"BHD": "0.4"}, age=7200)
    ecb = source_rates("ecb", "EUR", {"USD": "1.0837"})
    pegs = source_rates("pegs", "USD", {"BHD": "0.376"})

    with refused(Code.STALE_RATE, match="from whole is 7200 seconds old"):
        RateTable([whole, ecb, pegs]).select("EUR", "BHD", clock.now())


def test_the_higher_priority_is_asked_first_and_the_next_when_it_is_stale(
    source_rates: Build, clock: ManualClock
) -> None:
    low = source_rates("low", "EUR", {"USD": "1.1"}, priority=1)
    high = source_rates("high", "EUR", {"USD": "1.2"}, priority=2, max_age=30)
    table = RateTable([low, high])

    assert table.select("EUR", "USD", clock.now()).source == "high"
    clock.advance(seconds=30)
    assert table.select("EUR", "USD", clock.now()).source == "high"
    clock.advance(seconds=0.000001)
    assert table.select("EUR", "USD", clock.now()).source == "low"
    clock.advance(seconds=3600)
    with refused(Code.STALE_RATE):
        table.select("EUR", "USD", clock.now())


def test_a_source_that_rejects_when_stale_lets_no_other_stand_in(
    source_rates: Build, clock: ManualClock
) -> None:
    strict = source_rates("strict", "EUR", {"USD": "1.2"}, priority=2, age=9999)
    strict = SourceRates(_with(strict.terms, on_stale=OnStale.REJECT), strict.observed)
    low = source_rates("low", "EUR", {"USD": "1.1"}, priority=1)

    with refused(Code.STALE_RATE, match="from strict"):
        RateTable([strict, low]).select("EUR", "USD", clock.now())


def test_a_source_may_keep_its_last_known_rate_in_use_and_says_that_it_is_stale(
    source_rates: Build, clock: ManualClock
) -> None:
    rates = source_rates("kept", "EUR", {"USD": "1.2"}, age=9999)
    rates = SourceRates(_with(rates.terms, on_stale=OnStale.USE_LAST_KNOWN), rates.observed)

    pair = RateTable([rates]).select("EUR", "USD", clock.now())

    assert pair.is_stale(clock.now())
    assert pair.age(clock.now()) == 9999 * MICROS


def test_a_pair_is_as_old_as_its_older_leg(source_rates: Build, clock: ManualClock) -> None:
    rates = source_rates("ecb", "EUR", {"USD": "1.1", "IDR": "17000"}, max_age=100)
    old = Observation(Decimal("17000"), clock.now() - 101 * MICROS)
    table = RateTable([SourceRates(rates.terms, {**rates.observed, "IDR": old})])

    assert table.select("EUR", "USD", clock.now()).age(clock.now()) == 0
    with refused(Code.STALE_RATE):
        table.select("USD", "IDR", clock.now())


def test_a_cross_of_two_moments_is_what_its_two_trades_are(
    source_rates: Build, clock: ManualClock
) -> None:
    # As after a jump that is passed over: one leg stays, the other one goes on.
    rates = source_rates("ecb", "EUR", {"USD": "1.1", "IDR": "17000"}, spread_bps=30, max_age=100)
    kept = Observation(Decimal("17000"), clock.now() - 40 * MICROS)
    table = RateTable([SourceRates(rates.terms, {**rates.observed, "IDR": kept})])

    cross = table.select("USD", "IDR", clock.now())
    first, second = (table.select(*pair, clock.now()) for pair in (("USD", "EUR"), ("EUR", "IDR")))

    assert abs(cross.mid - first.mid * second.mid) < Decimal("1e-6")
    assert cross.spread_bps == first.spread_bps + second.spread_bps
    assert cross.rate <= first.rate * second.rate
    assert cross.age(clock.now()) == 40 * MICROS


def test_a_source_counts_only_within_its_effective_window(
    source_rates: Build, clock: ManualClock
) -> None:
    start = clock.now() + 10 * MICROS
    coming = source_rates(
        "coming", "EUR", {"USD": "1.2"}, effective_from=start, effective_until=start + 10 * MICROS
    )
    table = RateTable([coming])

    with refused(Code.PAIR_NOT_SUPPORTED):
        table.select("EUR", "USD", clock.now())
    assert not table.usable(clock.now())
    clock.advance(seconds=10)
    assert table.select("EUR", "USD", clock.now()).source == "coming"
    assert table.usable(clock.now())
    clock.advance(seconds=10)
    with refused(Code.PAIR_NOT_SUPPORTED):
        table.select("EUR", "USD", clock.now())


def test_an_unknown_pair_and_one_currency_are_refused_by_name(
    source_rates: Build, clock: ManualClock
) -> None:
    table = RateTable([source_rates("ecb", "EUR", {"USD": "1.1"})])

    with refused(Code.PAIR_NOT_SUPPORTED, match="USD to KWD"):
        table.select("USD", "KWD", clock.now())
    with refused(Code.SAME_CURRENCY):
        table.select("USD", "USD", clock.now())


def test_a_pair_is_resolved_once_per_table(source_rates: Build, clock: ManualClock) -> None:
    table = RateTable([source_rates("ecb", "EUR", {"USD": "1.1", "IDR": "17000"})])

    first = table.select("USD", "IDR", clock.now())

    assert table.select("USD", "IDR", clock.now()) is first


@pytest.mark.parametrize("text", ["0", "-1", "NaN", "Infinity", "1e13", "1e-13", "1e999999999"])
def test_a_number_that_can_be_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the rate is"):
        stated(Decimal(text))


def test_rates_without_an_end_never_close(source_rates: Build, clock: ManualClock) -> None:
    pair = RateTable([source_rates("ecb", "EUR", {"USD": "1.1"})]).select("EUR", "USD", clock.now())

    assert pair.closes == FOREVER


def _with(terms: SourceTerms, **changes: Any) -> SourceTerms:
    return replace(terms, **changes)
