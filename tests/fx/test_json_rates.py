"""Any JSON, by a JMESPath expression."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fx.sources import SourceError, SourceFault
from fx.sources.json_rates import parse

NOW = 1_800_000_000_000_000


def read(answer: Any, path: str, quotes: tuple[str, ...] = ("USD", "IDR")) -> dict[str, str]:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    rates = parse(body, path, base="EUR", quotes=quotes, as_of=NOW)
    assert all(seen.as_of == NOW for seen in rates.values())
    return {currency: str(seen.mid) for currency, seen in rates.items()}


def test_a_path_leads_to_an_object_of_rates() -> None:
    answer = {"data": {"rates": {"USD": "1.1172", "IDR": "20275.17", "gold": "1"}}}

    assert read(answer, "data.rates") == {"USD": "1.1172", "IDR": "20275.17"}


def test_numbers_keep_every_digit() -> None:
    body = b'{"rates": {"USD": 1.117200000000000001, "IDR": 20275}}'

    assert read(body, "rates") == {"USD": "1.117200000000000001", "IDR": "20275"}


def test_a_path_with_placeholders_is_asked_for_each_listed_pair() -> None:
    answer = {"quotes": [{"pair": "EURUSD", "mid": "1.1"}, {"pair": "EURIDR", "mid": "20000.5"}]}
    path = "quotes[?pair=='{base}{quote}'].mid | [0]"

    assert read(answer, path) == {"USD": "1.1", "IDR": "20000.5"}
    assert read(answer, path, ("USD", "JPY")) == {"USD": "1.1"}


@pytest.mark.parametrize("value", [None, True, [], {}, "x", "1" * 65, "", "1,5"])
def test_what_is_no_number_spoils_its_currency_alone(value: Any) -> None:
    rates = read({"rates": {"USD": value, "IDR": "20000"}}, "rates")

    assert rates == {"USD": "NaN", "IDR": "20000"}


@pytest.mark.parametrize("number", ["1e999999999", "1e-999999999", "9" * 5_000, '"1e999999999"'])
def test_a_number_is_bounded_before_anything_computes_with_it(number: str) -> None:
    body = f'{{"rates": {{"USD": {number}, "IDR": 20000}}}}'.encode()

    assert read(body, "rates") == {"USD": "NaN", "IDR": "20000"}
    # What a function makes of it is no rate, or an answer that cannot be read; never a number.
    with suppress(SourceError):
        assert read(body, "{USD: ceil(rates.USD)}") == {"USD": "NaN"}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "rates"),
        (b"<html>", "rates"),
        (b'{"rates": NaN', "rates"),
        (b"[" * 100_000, "rates"),
        (b'{"rates": [1, 2]}', "rates"),
        (b'{"rates": {"gold": 1}}', "rates"),
        (b'{"rates": {"USD": 1}}', "elsewhere"),
        (b'{"rates": {"USD": 1}}', "sum(rates)"),
        (b'{"rates": {"USD": 1}}', "no_such_function(rates)"),
        (b"\xff\xff", "rates"),
    ],
)
def test_anything_else_is_malformed(body: bytes, path: str) -> None:
    with pytest.raises(SourceError) as error:
        read(body, path)

    assert error.value.fault is SourceFault.MALFORMED


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
).map(lambda value: json.dumps({"rates": value}).encode()))  # fmt: skip
def test_no_answer_breaks_the_reader(body: bytes) -> None:
    for path in ("rates", "rates.{quote}", "rates[0] | [1:2]"):
        # A SourceError is an answer; anything else would fail the test.
        with suppress(SourceError):
            parse(body, path, base="EUR", quotes=["USD"], as_of=NOW)
