"""What a link of the hash chain lists, and its hashes: fixed byte for byte."""

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet.domain.chain import (
    entries_digest,
    link_hash,
    read_entries,
    transfer_digest,
    write_entries,
)
from wallet.domain.transfers import Record

TEXT = st.none() | st.text(st.characters(exclude_categories=("Cs",)))
RECORDS = st.builds(
    Record,
    **{name: st.integers(-(2**63), 2**63 - 1) if name == "created_at" else TEXT
       for name in Record._fields},
)  # fmt: skip


@given(RECORDS)
def test_a_digest_is_of_the_columns_by_their_names_without_null_ones(record: Record) -> None:
    columns = {name: value for name, value in record._asdict().items() if value is not None}
    written = json.dumps(columns, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    digest = sha256(written.encode()).hexdigest()

    assert transfer_digest(record) == digest
    assert json.loads(write_entries([record])) == [[record.transfer_id, digest]]


def test_entries_are_read_back_by_their_transfers() -> None:
    assert read_entries('[["pay:demo:a","00"],["pay:demo:b","11"]]') == {
        "pay:demo:a": "00",
        "pay:demo:b": "11",
    }


@pytest.mark.parametrize("text", ["5", "[1]", '["a"]', "{", "[[1,2,3]]"])
def test_other_text_is_no_list_of_entries(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        read_entries(text)


def test_hashes_are_what_a_foreign_program_would_make() -> None:
    # printf '[]' | sha256sum; printf '3:7:aa:<that>' | sha256sum
    empty = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"

    assert entries_digest("[]") == empty
    assert (
        link_hash(3, 7, "aa", empty)
        == "ad6e53855aab956c0fb22936d518c0e73b7062ebd2419bbc8908075b77b105bf"
    )
