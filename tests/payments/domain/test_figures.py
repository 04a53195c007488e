"""Sums over time: what an event adds, spans, quantiles, and a bound on corridors."""

from hypothesis import given
from hypothesis import strategies as st

from kurs.kernel.clock import MICROS
from payments.domain.figures import (
    MOST_CORRIDORS,
    OTHER,
    SPANS,
    Corridors,
    Period,
    Seen,
    Sums,
    Worth,
    corridor,
    joined,
    read_corridors,
    total,
)

PAID = Seen("shop", 0, "USD", "IDR", 0.012, failed=False, captured=1000, spread=7)
PRICED = Worth(1000, 5)
SECONDS = st.lists(st.floats(0, 100), min_size=1, max_size=50)


def seen(seconds: float | None = 0.012, *, failed: bool = False, captured: int = 0) -> Seen:
    return PAID._replace(seconds=seconds, failed=failed, captured=captured)


def sums(*events: Seen, worth: Worth = PRICED) -> Sums:
    made = Sums()
    for event in events:
        made.see(event, worth)
    return made


def test_outcomes_and_captures_are_counted_each_for_itself() -> None:
    held, failed, late = seen(), seen(failed=True), seen(None, captured=500)
    made = sums(held, failed, late, seen(captured=1000))
    assert (made.outcomes, made.failed, made.captures, made.captured) == (3, 1, 2, 1500)
    assert (made.worth, made.spread, made.unpriced) == (2000, 10, 0)
    assert made.success == 2 / 3
    assert Sums().success is None


def test_what_no_rate_prices_is_in_no_worth() -> None:
    for worth in (Worth(None, 0), Worth(5, None)):
        made = sums(seen(captured=1000), worth=worth)
        assert (made.captured, made.worth, made.spread, made.unpriced) == (1000, 0, 0, 1)


@given(SECONDS, SECONDS)
def test_sums_add_up_and_are_read_as_they_were_stored(one: list[float], other: list[float]) -> None:
    parts = [sums(*(seen(s, captured=3) for s in seconds)) for seconds in (one, other)]
    whole = total(parts)
    assert whole == sums(*(seen(s, captured=3) for s in [*one, *other]))
    assert read_corridors({"USD/IDR": whole.stored()}) == {"USD/IDR": whole}


@given(SECONDS)
def test_a_quantile_is_within_the_step_of_what_it_names(seconds: list[float]) -> None:
    made = sums(*(seen(s) for s in seconds))
    found = made.quantile(0.95)
    assert found is not None
    assert found <= 60
    assert found >= (made.quantile(0.5) or 0)
    assert Sums().quantile(0.95) is None


def test_the_usual_time_is_found_between_the_rare_ones() -> None:
    usual = [seen(0.012)] * 99
    found = sums(*usual, seen(30.0)).quantile(0.95)
    assert found is not None
    assert 0.01 < found <= 0.015


def test_periods_are_cut_into_spans_that_end_now() -> None:
    now = 1_000_000 * MICROS + 1
    for spans in SPANS.values():
        starts = spans.starts(now)
        assert len(starts) == spans.number
        assert starts[-1] == spans.start(now) <= now < starts[-1] + spans.length
    lengths = {period: s.length * s.number // (3600 * MICROS) for period, s in SPANS.items()}
    assert lengths == {Period.HOUR: 1, Period.DAY: 24, Period.WEEK: 168}


def test_corridors_are_bounded_and_none_is_lost() -> None:
    many: Corridors = {}
    for number in range(2 * MOST_CORRIDORS):
        corridor(many, f"USD/{number}").see(seen(), PRICED)
    corridor(many, "USD/0").see(seen(), PRICED)
    assert len(many) == MOST_CORRIDORS + 1
    assert many[OTHER].outcomes == MOST_CORRIDORS
    assert many["USD/0"].outcomes == 2

    both = joined({"EUR/": sums(seen())}, many)
    assert total(both.values()).outcomes == 2 * MOST_CORRIDORS + 2
