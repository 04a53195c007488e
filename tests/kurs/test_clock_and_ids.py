"""kurs.kernel.clock and .ids: times as text and back, ids that are unique and bounded."""

import re
import time
from pathlib import Path
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from kurs.calls import Deadline
from kurs.kernel.clock import from_rfc3339, read_monotonic_from, to_rfc3339
from kurs.kernel.ids import AccountId, CurrencyCode, LedgerAccountId, new_id

ROOT = Path(__file__).parents[2]


@given(st.integers(min_value=0, max_value=253_402_300_799_999_999))
def test_a_moment_is_read_back_to_the_microsecond(micros: int) -> None:
    assert from_rfc3339(to_rfc3339(micros)) == micros


def test_a_moment_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        from_rfc3339("2026-01-31T08:00:00")


def test_offsets_are_honoured() -> None:
    assert from_rfc3339("2026-01-31T08:00:00+07:00") == from_rfc3339("2026-01-31T01:00:00Z")


def test_new_ids_are_unique_and_in_order() -> None:
    moment = from_rfc3339("2026-01-31T08:00:00Z")
    made = [new_id("pay", moment + n * 1000) for n in range(1000)]
    assert len({new_id("pay", moment) for _ in range(1000)}) == 1000
    assert made == sorted(made)


def test_a_new_id_is_a_version_7_uuid_of_its_moment() -> None:
    moment = from_rfc3339("2022-02-22T14:22:22-05:00")
    prefix, _, text = new_id("pay", moment).partition("_")
    made = UUID(hex=text)

    assert prefix == "pay"
    assert (made.version, made.variant) == (7, RFC_4122)
    # The moment of the example in RFC 9562, appendix A.6.
    assert made.hex.startswith("017f22e279b0")


def test_one_source_gives_the_whole_process_its_monotonic_time() -> None:
    try:
        read_monotonic_from(lambda: 42.0)
        deadline = Deadline.after(1.5)
    finally:
        read_monotonic_from(time.monotonic)

    assert deadline.expires_monotonic == 43.5


def test_nothing_reads_a_clock_but_the_one_place() -> None:
    sources = [*ROOT.glob("libs/kurs/src/**/*.py"), *ROOT.glob("services/*/src/**/*.py")]
    reading = {
        path.name
        for path in sources
        if re.search(
            r"\b(monotonic_ns|perf_counter|time\.monotonic|time\.time)\b", path.read_text()
        )
    }

    assert reading <= {"clock.py", "watchdog.py"}


@pytest.mark.parametrize("text", ["a", "ACC_SRC_5081", "x" * 64, "a.b-c_d"])
def test_caller_ids_that_are_fine(text: str) -> None:
    assert TypeAdapter(AccountId).validate_python(text) == text


@pytest.mark.parametrize("text", ["", "x" * 65, "a/b", "a b", "-a", "é", "a\n", "house:world", 7])
def test_caller_ids_that_are_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(AccountId).validate_python(text)


def test_house_accounts_can_be_posted_to_but_not_chosen() -> None:
    assert TypeAdapter(LedgerAccountId).validate_python("house:world") == "house:world"


def test_a_currency_must_be_known() -> None:
    assert TypeAdapter(CurrencyCode).validate_python("IDR") == "IDR"
    with pytest.raises(ValidationError, match="ISO 4217"):
        TypeAdapter(CurrencyCode).validate_python("ABC")
