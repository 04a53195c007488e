"""The circuit breaker opens on failures, probes gently, and recovers."""

import pytest

from kurs.calls import BreakerState, CircuitBreaker
from kurs.calls.window import RollingCount
from kurs_testing.monotonic import ManualMonotonic


@pytest.fixture
def breaker(clock: ManualMonotonic) -> CircuitBreaker:
    return CircuitBreaker(
        min_failures=4, failure_ratio=0.5, open_seconds=1.0, max_open_seconds=4.0, clock=clock
    )


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        assert breaker.allow()
        breaker.fail()


def test_it_stays_closed_below_the_least_number_of_failures(breaker: CircuitBreaker) -> None:
    fail(breaker, 3)

    assert breaker.state is BreakerState.CLOSED


def test_it_opens_when_enough_and_half_of_the_calls_fail(breaker: CircuitBreaker) -> None:
    fail(breaker, 4)

    assert breaker.state is BreakerState.OPEN
    assert not breaker.allow()


def test_it_stays_closed_while_most_calls_are_answered(breaker: CircuitBreaker) -> None:
    for _ in range(20):
        breaker.succeed()
    fail(breaker, 10)

    assert breaker.state is BreakerState.CLOSED


def test_failures_of_long_ago_are_forgotten(
    breaker: CircuitBreaker, clock: ManualMonotonic
) -> None:
    fail(breaker, 3)
    clock.advance(11.0)
    fail(breaker, 3)

    assert breaker.state is BreakerState.CLOSED


def test_one_probe_goes_out_after_a_while_and_closes_it(
    breaker: CircuitBreaker, clock: ManualMonotonic
) -> None:
    fail(breaker, 4)
    clock.advance(1.0)

    assert breaker.allow()
    assert breaker.state is BreakerState.HALF_OPEN
    assert not breaker.allow()
    breaker.succeed()
    fail(breaker, 3)
    assert breaker.allow()


def test_it_stays_open_twice_as_long_after_each_failed_probe(
    breaker: CircuitBreaker, clock: ManualMonotonic
) -> None:
    fail(breaker, 4)
    for seconds in (1.0, 2.0, 4.0, 4.0):
        clock.advance(seconds - 0.1)
        assert not breaker.allow()
        clock.advance(0.1)
        assert breaker.allow()
        breaker.fail()
    clock.advance(4.0)
    assert breaker.allow()
    breaker.succeed()

    fail(breaker, 4)
    clock.advance(1.0)
    assert breaker.allow()


def test_a_target_that_is_back_is_found_within_a_second_however_long_it_was_gone(
    clock: ManualMonotonic,
) -> None:
    breaker = CircuitBreaker(clock=clock)
    fail(breaker, 10)
    for _ in range(30):
        clock.advance(1.0)
        assert breaker.allow()
        breaker.fail()


def test_a_probe_that_tells_nothing_lets_the_next_one_out(
    breaker: CircuitBreaker, clock: ManualMonotonic
) -> None:
    fail(breaker, 4)
    clock.advance(1.0)
    assert breaker.allow()
    breaker.abandon()

    assert breaker.state is BreakerState.OPEN
    assert breaker.allow()


def test_an_answer_that_was_on_its_way_when_it_opened_closes_it(breaker: CircuitBreaker) -> None:
    fail(breaker, 4)
    breaker.succeed()

    assert breaker.state is BreakerState.CLOSED


def test_a_rolling_count_forgets_in_steps(clock: ManualMonotonic) -> None:
    count = RollingCount(10.0, clock)
    for _ in range(20):
        count.add()
        clock.advance(1.0)

    assert 9 <= count.total() <= 10
    clock.advance(5.0)
    assert 4 <= count.total() <= 5
    clock.advance(1000.0)
    assert count.total() == 0
