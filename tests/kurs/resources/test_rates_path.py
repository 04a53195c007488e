"""Which expressions of rates are taken, and that none of these makes much of little."""

import json
import re
from contextlib import suppress

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kurs.config.resources.rates_path import (
    MAX_COPIES,
    MAX_OPERATORS,
    OPERATORS,
    check_rates_path,
    copies,
)

ANSWER = {"rates": {"USD": "1.1", "IDR": "17000"}, "list": [{"a": 1, "b": [2, 3]}] * 3}


@pytest.mark.parametrize(
    "path",
    [
        "rates", "rates.{quote}", "data[?base=='{base}'] | [0].rates", "merge(rates, more)",
        "list[*].{code: a, rate: b}", "quotes.*.value", '"of the day".rates',
    ],
)  # fmt: skip
def test_usual_paths_are_taken(path: str) -> None:
    assert check_rates_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        " | ".join(["[@, @]"] * 12),
        " | ".join(["{a: @, b: @}"] * 6),
        "map(&[@,@,@,@,@,@], [@,@,@,@,@,@])",
        "to_string(to_string(@))",
        "[" + ", ".join(["@"] * 33) + "]",
    ],
)
def test_paths_that_copy_the_answer_over_and_over_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match=f"more than {MAX_COPIES} times"):
        check_rates_path(path)


@pytest.mark.parametrize("step", ["!", "a.*.", "(", "[", "[?", "{a:", "a[?b", "&", "f("])
def test_what_nests_too_deep_is_refused_before_it_is_parsed(step: str) -> None:
    with pytest.raises(ValueError, match=f"more than {MAX_OPERATORS} of its characters"):
        check_rates_path((step * 500)[:511] + "a")


@given(st.text("!&(.*<=>?[{|}])`'\"@,:$a0-", max_size=512))
def test_any_text_is_taken_or_refused(path: str) -> None:
    with suppress(ValueError):
        check_rates_path(path)


@pytest.mark.parametrize(
    "step", ["!", ".*", "[]", "[*]", "|a", "||a", "==a", "[?a]", "&", "(", "["]
)
def test_the_deepest_expression_that_is_counted_as_small_enough_can_be_parsed(step: str) -> None:
    path = "a" + step * (MAX_OPERATORS // len(re.findall(f"[{OPERATORS}]", step)))
    with suppress(ValueError):
        check_rates_path(step * MAX_OPERATORS + "a" if step in "!&([" else path)


def test_what_is_no_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="not a JMESPath expression"):
        check_rates_path("rates[")


steps = st.recursive(
    st.sampled_from(["@", "rates", "list", "list[*]", "*", "[]"]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(" | ".join),
        st.tuples(inner, inner).map(lambda two: f"[{two[0]}, {two[1]}]"),
        st.tuples(inner, inner).map(lambda two: f"{{a: {two[0]}, b: {two[1]}}}"),
        inner.map(lambda one: f"to_string({one})"),
        inner.map(lambda one: f"to_array({one})"),
    ),
    max_leaves=6,
)


@given(steps)
def test_a_result_is_never_larger_than_foreseen(path: str) -> None:
    """Apart from the brackets and names that the expression itself writes."""
    parsed = jmespath.compile(path)
    result = json.dumps(parsed.search(ANSWER))

    written = 20 * len(path)
    assert len(result) <= copies(parsed.parsed) * (len(json.dumps(ANSWER)) + written)
