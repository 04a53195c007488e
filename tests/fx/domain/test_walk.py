"""The random walk: the same on every replica, near its centre, and moving."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from fx.domain.walk import Walk
from fx.sources.simulated import SimulatedSource
from kurs.kernel.clock import MICROS

MIDS = {"USD": Decimal("1.1172"), "IDR": Decimal("20275.17")}
START = 1_800_000_000


def simulated(seed: int = 7, *, step: int = 1, refresh: int = 1) -> SimulatedSource:
    return SimulatedSource(
        MIDS, seed=seed, volatility_bps=5, step=step * MICROS, refresh_interval=refresh * MICROS
    )


@settings(max_examples=40)
@given(st.integers(0, 2**53 - 1), st.lists(st.integers(-300, 10**6), min_size=1, max_size=6))
def test_a_step_has_one_value_whatever_was_asked_before(seed: int, steps: list[int]) -> None:
    used = Walk(Decimal("1.1172"), seed=seed, currency="USD", volatility_bps=20)

    for step in steps:
        fresh = Walk(Decimal("1.1172"), seed=seed, currency="USD", volatility_bps=20)
        assert used.mid(step) == fresh.mid(step)


def test_replicas_that_started_at_different_times_agree_on_every_rate_and_its_date() -> None:
    early, late = simulated(), simulated()
    for second in range(START, START + 50):
        early.read(second * MICROS)

    for second in range(START + 50, START + 100):
        assert early.read(second * MICROS) == late.read(second * MICROS + 999_999)


def test_another_seed_walks_another_way() -> None:
    assert simulated(7).read(START * MICROS) != simulated(8).read(START * MICROS)


def test_currencies_walk_apart() -> None:
    seen = simulated().read(START * MICROS)

    assert seen["USD"].mid / MIDS["USD"] != seen["IDR"].mid / MIDS["IDR"]


@settings(max_examples=8)
@given(st.integers(0, 2**53 - 1))
def test_the_walk_stays_near_its_centre_and_moves(seed: int) -> None:
    walk = Walk(Decimal("100"), seed=seed, currency="USD", volatility_bps=5)
    path = [walk.mid(step) for step in range(1_000)]

    # Fifteen standard deviations of 16 bps; an unbounded walk would be 22 bps * sqrt(100) off.
    assert all(abs(mid - 100) < Decimal("2.4") for mid in path)
    assert abs(sum(path) / len(path) - 100) < Decimal("0.15")
    assert len(set(path)) > 950


def test_no_volatility_is_no_movement() -> None:
    walk = Walk(Decimal("1.25"), seed=1, currency="USD", volatility_bps=0)

    assert {walk.mid(step) for step in range(10)} == {Decimal("1.25")}


def test_rates_have_at_least_ten_digits() -> None:
    seen = simulated().read(START * MICROS)

    assert all(len(rate.mid.as_tuple().digits) >= 10 for rate in seen.values())


def test_it_is_asked_again_when_the_next_interval_begins() -> None:
    source = simulated(refresh=10)

    assert source.next_after(START * MICROS) == (START + 10) * MICROS
    assert source.next_after(START * MICROS + 9_999_999) == (START + 10) * MICROS
    assert source.read(START * MICROS) == source.read((START + 9) * MICROS)
    assert source.read(START * MICROS) != source.read((START + 10) * MICROS)
