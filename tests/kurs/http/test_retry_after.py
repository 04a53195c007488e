"""A wish to be left alone is read or left, whoever says it."""

import pytest

from kurs.calls.retry_after import LONGEST_WAIT, wait_asked
from kurs.kernel.clock import MICROS

DAY = 86_400


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5), ("-5", None), ("soon", None), ("", None), (None, None), ("9" * 30, DAY)],
)
def test_seconds_are_read_or_left(text: str | None, seconds: int | None) -> None:
    assert wait_asked(text, 0) == (None if seconds is None else seconds * MICROS)


@pytest.mark.parametrize("wait", ["", "soon", "-5", "9" * 40, "Fri, 99 Jan 2027 10:00:00 GMT"])
def test_what_is_no_wish_to_be_left_alone_is_none(wait: str) -> None:
    assert wait_asked(wait, 5) is None


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_it_may_be_a_moment(zone: str) -> None:
    moment = f"Thu, 01 Jan 1970 00:01:00 {zone}"
    assert wait_asked(moment, 0) == 60 * MICROS
    assert wait_asked(moment, 10**12) == 0


def test_nobody_is_left_alone_for_more_than_a_day() -> None:
    assert wait_asked("99999999", 5) == LONGEST_WAIT == DAY * MICROS
