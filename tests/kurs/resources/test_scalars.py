"""Durations, moments and rates: one canonical form each, and nothing that only looks right."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from kurs.config.resources.scalars import (
    DURATION_PATTERN,
    MAX_SECONDS,
    RATE_PATTERN,
    Moment,
    Rate,
    Seconds,
    format_rate,
    format_seconds,
    parse_moment,
    parse_rate,
    parse_seconds,
)

LOOKS_LIKE_A_DURATION = st.from_regex(DURATION_PATTERN, fullmatch=True)


def outcome(read: Callable[[Any], Any], value: object) -> tuple[Any, str]:
    """Return what was read, or None and the hint of the refusal."""
    try:
        return read(value), ""
    except PydanticCustomError as error:
        return None, error.context["hint"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0s", 0),
        ("30s", 30),
        ("5m", 300),
        ("24h", 86_400),
        ("1h30m", 5_400),
        ("1h30m15s", 5_415),
        ("2h5s", 7_205),
        ("90s", 90),
        ("100m", 6_000),
    ],
)
def test_a_duration_is_read_as_seconds(text: str, seconds: int):
    assert parse_seconds(text) == seconds


@given(st.integers(min_value=0, max_value=MAX_SECONDS))
def test_seconds_survive_being_written(seconds: int):
    assert parse_seconds(format_seconds(seconds)) == seconds


@given(st.text(max_size=30) | st.integers() | st.floats() | st.none() | st.lists(st.text()))
def test_anything_else_is_refused_with_a_hint(value: object):
    seconds, hint = outcome(parse_seconds, value)

    assert hint if seconds is None else 0 <= seconds <= MAX_SECONDS


@given(LOOKS_LIKE_A_DURATION)
def test_the_pattern_and_the_reader_agree(text: str):
    seconds, hint = outcome(parse_seconds, text)

    assert seconds is not None or hint == 'write at most "87840h"'


@pytest.mark.parametrize("value", ["5m\n", "\n5m", " 5m", "5 m", "m", "1d", "1h 5m", "+5m", "५m"])
def test_the_pattern_refuses_what_the_reader_refuses(value: str):
    with pytest.raises(ValueError, match="is not a duration"):
        parse_seconds(value)

    assert not re.fullmatch(DURATION_PATTERN, value)


@given(
    st.decimals(
        min_value="0.000000000000001", max_value="999999999999999", places=15, allow_nan=False
    )
)
def test_a_rate_keeps_every_digit(rate: Decimal):
    assert parse_rate(format_rate(rate)) == rate


@pytest.mark.parametrize(
    ("rate", "text"),
    [("1.50", "1.5"), ("100", "100"), ("100.00", "100"), ("0.10", "0.1"), ("007", "7")],
)
def test_two_spellings_of_a_rate_are_one_content(rate: str, text: str):
    assert parse_rate(format_rate(parse_rate(rate))) == parse_rate(text)
    assert format_rate(parse_rate(rate)).lstrip("0") == text.lstrip("0")


@given(st.text(max_size=40) | st.integers() | st.floats() | st.decimals() | st.none())
def test_a_rate_is_positive_and_finite_or_refused(value: object):
    rate, hint = outcome(parse_rate, value)

    assert hint if rate is None else rate > 0 and re.fullmatch(RATE_PATTERN, format_rate(rate))


def test_a_moment_keeps_microseconds_and_drops_the_offset():
    assert parse_moment("2026-01-01T07:00:00.000001+07:00") == 1_767_225_600_000_001


@given(st.integers(min_value=0, max_value=4_102_444_800_000_000))
def test_a_moment_survives_being_written(moment: int):
    adapter = TypeAdapter(Moment)
    assert adapter.validate_python(adapter.dump_python(moment)) == moment


@pytest.mark.parametrize(
    "value",
    ["2026-01-01", "2026-W01-1T00:00:00Z", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", 0, None],
)
def test_a_moment_without_a_day_or_an_offset_is_refused(value: object):
    with pytest.raises(ValueError, match=r"moment|calendar"):
        parse_moment(value)


def test_a_huge_value_is_not_repeated_in_the_message():
    bomb: list[object] = ["x"]
    for _ in range(40):
        bomb = [bomb, bomb]

    with pytest.raises(ValidationError) as refusal:
        TypeAdapter(Seconds).validate_python(bomb)

    assert "a list is not a duration" in refusal.value.errors(include_input=False)[0]["msg"]


@pytest.mark.parametrize("scalar", [Seconds, Rate, Moment])
def test_each_scalar_has_a_bounded_text_schema(scalar: object):
    schema = TypeAdapter(scalar).json_schema()

    assert schema["type"] == "string"
    assert schema["maxLength"] <= 64
    assert "(?" not in json.dumps(schema)
