"""What a link of the hash chain lists, and its hashes: fixed byte for byte."""

import pytest

from wallet.domain.chain import entries_digest, link_hash, read_entries


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
