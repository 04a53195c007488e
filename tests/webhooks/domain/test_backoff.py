"""When what was not taken is sent again: from seconds to hours, a little at random."""

import pytest

from kurs.kernel.clock import MICROS
from webhooks.domain.backoff import MANY, next_probe, next_try

NOW = 1_800_000_000_000_000


def waited(until: int) -> float:
    return (until - NOW) / MICROS


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 5), (2, 15), (3, 45), (4, 135), (8, 10_935), (9, 14_400)]
)
def test_tries_grow_threefold_up_to_four_hours(attempts: int, seconds: float) -> None:
    assert 0.8 * seconds <= waited(next_try(attempts, NOW)) <= 1.2 * seconds


def test_the_thousandth_try_waits_no_longer() -> None:
    assert waited(next_try(1_000, NOW)) <= 1.2 * 14_400


def test_a_wish_holds_where_it_is_longer() -> None:
    assert waited(next_try(1, NOW, 100)) == 100
    assert waited(next_try(5, NOW, 1)) > 1


@pytest.mark.parametrize(("wish", "seconds"), [(None, 0), (30.0, 30)])
def test_few_failures_leave_a_destination_alone_as_it_wishes(
    wish: float | None, seconds: float
) -> None:
    until = next_probe(MANY - 1, NOW, is_failing=False, wish_seconds=wish)
    assert waited(until) == seconds


@pytest.mark.parametrize(("is_failing", "longest"), [(False, 60), (True, 3600)])
def test_many_failures_are_probed_once_a_minute_and_later_once_an_hour(
    is_failing: bool, longest: float
) -> None:
    first = next_probe(MANY, NOW, is_failing=is_failing, wish_seconds=None)
    late = next_probe(MANY + 50, NOW, is_failing=is_failing, wish_seconds=None)
    assert 4 <= waited(first) <= 6
    assert 0.8 * longest <= waited(late) <= 1.2 * longest
    assert waited(next_probe(MANY, NOW, is_failing=is_failing, wish_seconds=7200)) == 7200
