"""Any JSON, by a JMESPath expression."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fx.sources import SourceError, SourceFault
from fx.sources.json_rates import parse
from kurs.config.resources.rate_source_types import HttpRates
from kurs.kernel.clock import from_rfc3339

NOW = 1_800_000_000_000_000


def observed(
    answer: Any, path: str, quotes: tuple[str, ...] = ("USD", "IDR"), **paths: str
) -> dict[str, tuple[str, int]]:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    spec = HttpRates.model_validate(
        {"url": "https://rates.example.org/", "format": "JSON", "ratesPath": path, **paths}
    )
    rates = parse(body, spec, base="EUR", quotes=quotes, now=NOW)
    return {currency: (str(seen.mid), seen.as_of) for currency, seen in rates.items()}


def read(answer: Any, path: str, quotes: tuple[str, ...] = ("USD", "IDR")) -> dict[str, str]:
    found = observed(answer, path, quotes)
    assert all(as_of == NOW for _, as_of in found.values())
    return {currency: mid for currency, (mid, _) in found.items()}


def fault_of(answer: Any, path: str = "rates", **paths: str) -> tuple[SourceFault, str]:
    with pytest.raises(SourceError) as error:
        observed(answer, path, **paths)
    return error.value.fault, str(error.value)


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
        ('{"rates": {"USD": 1}}'.encode("utf-16"), "rates"),
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
            observed(body, path, ("USD",), asOfPath=path, basePath=path)


def test_a_name_that_occurs_twice_is_refused_and_only_a_currency_is_told() -> None:
    twice = b'{"base": "EUR", "rates": {"USD": "1.11", "SEK": "11.2", "SEK": "99"}}'

    fault, said = fault_of(twice)

    assert (fault, said.split(" ")[0]) == (SourceFault.MALFORMED, "SEK")
    assert "hunter2" not in fault_of(b'{"rates": {"USD": 1}, "hunter2": 1, "hunter2": 2}')[1]


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        ({"base": "USD", "rates": {"EUR": "0.895", "USD": "1", "IDR": "18150"}}, "rates"),
        ({"EUR": {"mid": "0.895"}, "USD": {"mid": "1"}}, "{quote}.mid"),
    ],
)
def test_an_answer_about_another_base_is_refused(answer: Any, path: str) -> None:
    fault, said = fault_of(answer, path)

    assert fault is SourceFault.BASE
    assert "its own rate of EUR is not 1" in said


def test_the_base_may_be_one_of_itself_or_left_out() -> None:
    assert read({"rates": {"EUR": "1.000", "USD": "1.1"}}, "rates") == {"USD": "1.1"}
    assert read({"rates": {"USD": "1.1"}}, "rates") == {"USD": "1.1"}
    each = {"EUR": {"mid": 1}, "USD": {"mid": "1.1"}}
    assert read(each, "{quote}.mid") == {"USD": "1.1"}


def test_a_path_to_the_base_must_lead_to_it() -> None:
    filtered = {"base": "USD", "rates": {"USD": "1", "IDR": "18150"}}

    assert fault_of(filtered, basePath="base")[0] is SourceFault.BASE
    assert fault_of(filtered, basePath="source")[0] is SourceFault.BASE
    assert observed({**filtered, "base": "EUR"}, "rates", basePath="base")["USD"][0] == "1"


@pytest.mark.parametrize(
    ("stated", "moment"),
    [
        ("2026-01-05", "2026-01-05T00:00:00Z"),
        ("2026-01-05T10:00:00Z", "2026-01-05T10:00:00Z"),
        ("2026-01-05T10:00:00.5+07:00", "2026-01-05T03:00:00.5Z"),
        ("2026-01-05 10:00:00+00:00", "2026-01-05T10:00:00Z"),
        ("Mon, 05 Jan 2026 10:00:00 GMT", "2026-01-05T10:00:00Z"),
        (1767571200, "2026-01-05T00:00:00Z"),
        ("1767571200", "2026-01-05T00:00:00Z"),
        (1767571200.25, "2026-01-05T00:00:00.25Z"),
        (1767571200500, "2026-01-05T00:00:00.5Z"),
    ],
)
def test_rates_are_dated_by_the_provider_where_a_path_says_so(stated: Any, moment: str) -> None:
    answer = {"meta": {"at": stated}, "rates": {"USD": "1.1"}}

    dated = observed(answer, "rates", asOfPath="meta.at")

    assert dated == {"USD": ("1.1", from_rfc3339(moment))}


def test_each_pair_may_have_a_moment_of_its_own() -> None:
    answer = {"USD": {"mid": "1.1", "at": "2026-01-05"}, "IDR": {"mid": "2", "at": "2026-01-06"}}

    dated = observed(answer, "{quote}.mid", asOfPath="{quote}.at")

    assert {code: as_of for code, (_, as_of) in dated.items()} == {
        "USD": from_rfc3339("2026-01-05T00:00:00Z"),
        "IDR": from_rfc3339("2026-01-06T00:00:00Z"),
    }


@pytest.mark.parametrize(
    "stated",
    ["2026-01-05T10:00:00", "2026-13-05", "soon", "", None, True, [], -1, 0, "9" * 50, "1e30"],
)
def test_a_date_that_is_none_is_no_date_of_today(stated: Any) -> None:
    fault, said = fault_of({"at": stated, "rates": {"USD": "1.1"}}, asOfPath="at")

    assert fault is SourceFault.MALFORMED
    assert "asOfPath" in said
