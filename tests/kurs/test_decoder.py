"""What arrives as JSON is bounded as text before anything computes with it, and has one reading."""

import json
from collections.abc import Callable
from contextlib import suppress
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from kurs.kernel.decoder import (
    MAX_BATCH_VALUES,
    MAX_DEPTH,
    MAX_MEMBERS,
    MAX_VALUES,
    bound_batch,
    decode,
)
from kurs.kernel.errors import MalformedJson, Problem, Unprocessable
from kurs.kernel.ids import AmountIn
from kurs.kernel.texts import is_visible

MEBIBYTE = 2**20
AMOUNT: TypeAdapter[Any] = TypeAdapter(AmountIn)


class Named(BaseModel):
    name: str


def refused(body: bytes) -> Problem:
    with pytest.raises((MalformedJson, Unprocessable)) as caught:
        decode(body)
    assert all(error.message and error.hint for error in caught.value.errors)
    return caught.value


def least_cpu(call: Callable[[], Any]) -> float:
    """Return the least of a few repeats in seconds; the first pays for what is made once."""
    seconds = []
    for _ in range(4):
        start = process_time()
        call()
        seconds.append(process_time() - start)
    return min(seconds)


NUMBERS = ["1e999999999", "1E+999999999", "-1e-999999999", "1e41", "1" + "0" * 40, "9" * 5_000,
           "0." + "0" * 40 + "1", "1e" + "9" * 5_000, "9" * MEBIBYTE]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS, ids=lambda text: text[:16])
def test_a_number_out_of_bounds_is_refused_as_text_and_named(number: str) -> None:
    body = f'{{"a": {{"amount": [1, {number}]}}}}'.encode()
    problem = refused(body)
    assert (problem.status, problem.errors[0].field) == (422, "a.amount.1")
    assert least_cpu(lambda: refused(body)) < 0.05


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("188.52", "188.52"), ("1.50", "1.50"), ("7", "7"), ("-0", "0"), ("2e3", "2000"),
        ("1.5E-2", "0.015"), ("90071992547409.93", "90071992547409.93"), ("9" * 40, "9" * 40),
    ],
)  # fmt: skip
def test_an_amount_is_text_also_where_a_number_was_sent(number: str, text: str) -> None:
    assert AMOUNT.validate_python(decode(number.encode())) == text


@pytest.mark.parametrize("value", [True, None, [], {}, "9" * 65, 1.5])
def test_what_is_no_amount_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        AMOUNT.validate_python(value)


def test_a_number_is_no_text() -> None:
    with pytest.raises(ValidationError, match="valid string"):
        Named.model_validate(decode(b'{"name": 1.5}'))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"amount": "1.00", "currency": "USD", "amount": "100.00"}', "amount"),
        (b'{"metadata": {"a": "1", "\\u0061": "2"}}', "a"),
        (b'[{"x": {"b": 1, "b": 1}}]', "b"),
    ],
)
def test_a_name_that_occurs_twice_is_named(body: bytes, name: str) -> None:
    problem = refused(body)
    assert (problem.status, problem.errors[0].field) == (400, name)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-be", "utf-8-sig", "latin-1"])
def test_another_encoding_than_utf_8_is_refused(encoding: str) -> None:
    assert refused('{"a": "é"}'.encode(encoding)).status == 400


@pytest.mark.parametrize("body", [b"NaN", b'{"a": -Infinity}', b'"\xed\xa0\x80"', b'"\n"', b""])
def test_what_only_some_readers_take_is_refused(body: bytes) -> None:
    assert refused(body).status == 400


WIDE = {
    "deep": (b"[" * 100_000, 400),
    "a level too deep": (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), 422),
    "values": (b"[" + b"0," * MAX_VALUES + b"0]", 400),
    "objects": (b"[" + b"{}," * MAX_VALUES + b"0]", 400),
    "members": (json.dumps({f"k{i}": i for i in range(MAX_MEMBERS + 1)}).encode(), 422),
    "blanks": (b" " * MEBIBYTE, 400),
    "unseen": (b'["' + b"\\u202e" * 170_000 + b'"]', 422),
}


@pytest.mark.parametrize("kind", WIDE)
def test_depth_and_width_are_bounded(kind: str) -> None:
    body, status = WIDE[kind]
    assert refused(body).status == status
    assert least_cpu(lambda: refused(body)) < 0.05


def test_what_is_within_the_bounds_is_read() -> None:
    nested: Any = 0
    for _ in range(MAX_DEPTH):
        nested = [nested]
    for content in (nested, {f"k{i}": "x" for i in range(MAX_MEMBERS)}, [0] * (MAX_VALUES - 1)):
        assert decode(json.dumps(content).encode()) == content


UNSEEN = ["\0", "\x1b", "\x7f", "\x85", "\n", "\u00ad", "\u200b", "\u200f", "\u202e", "\u2028",
          "\u2029", "\u2066", "\ufeff", "\ue000", "\ufffe", "\U000e0041", "\ud800"]  # fmt: skip


@pytest.mark.parametrize("character", UNSEEN, ids=ascii)
def test_what_cannot_be_seen_is_refused_in_values_and_names(character: str) -> None:
    problem = refused(json.dumps({"a": {"b": f"x{character}"}}).encode())
    assert (problem.status, problem.errors[0].field) == (422, "a.b")
    assert refused(json.dumps({"a": {f"b{character}": "x"}}).encode()).errors[0].field == "a"


@pytest.mark.parametrize("text", ["Grüße", "日本　語", "9\u00a0€", "😀", "e\u0301", ""])
def test_what_can_be_seen_is_kept(text: str) -> None:
    assert is_visible(text)
    assert decode(json.dumps([text], ensure_ascii=False).encode()) == [text]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(content=values)
def test_it_reads_what_every_reader_reads_or_refuses(content: Any) -> None:
    with suppress(MalformedJson, Unprocessable):
        assert decode(json.dumps(content).encode()) == content


@given(body=st.binary(max_size=200) | st.text(alphabet='{}[]":,\\ue019.-+ a').map(str.encode))
def test_no_bytes_make_it_fail(body: bytes) -> None:
    with suppress(MalformedJson, Unprocessable):
        decode(body)


BATCHES = {
    "digits": b'{"items": [' + b",".join([b"9" * 4_000] * 1_000) + b"]}",
    "values": b'{"items": [[' + b"[]," * MEBIBYTE + b"0]]}",
    "members": b"{" + b",".join(b'"%d":0' % i for i in range(MAX_BATCH_VALUES + 1)) + b"}",
}


@pytest.mark.parametrize("kind", BATCHES)
def test_a_batch_between_services_is_bounded_before_it_is_read(kind: str) -> None:
    def bound() -> None:
        with pytest.raises(MalformedJson):
            bound_batch(BATCHES[kind])

    assert least_cpu(bound) < 0.05
