"""What is written of an archive is read back as it was, and of anything else it is said."""

import json
from hashlib import sha256

import pytest

from wallet.domain.archives import (
    Archive,
    ArchivedSum,
    Contents,
    StoredPosting,
    archive_record,
    kept_digest,
    read_line,
    strangers,
    write_line,
)
from wallet.domain.tally import Tally

POSTINGS = [
    StoredPosting(1, "pay:demo:1", "demo/alice", "USD", -100, 5),
    StoredPosting(2, "pay:demo:1", "demo/bob", "USD", 100, 5),
    StoredPosting(4, "pay:demo:2", "demo/bob", "USD", -(2**63), 9),
    StoredPosting(5, "pay:demo:2", "démo/é\u2028", "IDR", 2**63 - 1, 9),
]
ARCHIVE = Archive(5, "postings-1-5", 1, 4, "f" * 64, "k" * 64, 9, 77)


def contents(whole_before: int) -> Contents:
    found = Contents(whole_before)
    for posting in POSTINGS:
        found.add(posting, write_line(posting))
    return found


@pytest.mark.parametrize("posting", POSTINGS)
def test_a_line_is_read_back_as_it_was_written(posting: StoredPosting) -> None:
    line = write_line(posting)
    assert line.count(b"\n") == 1
    assert read_line(line) == posting


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"[]\n",
        b"null\n",
        b'{"entry_id":1}\n',
        write_line(POSTINGS[0])[:-1],
        write_line(POSTINGS[0]).replace(b":1,", b": 1,", 1),
        write_line(POSTINGS[0]).replace(b"}", b',"more":1}'),
    ],
)
def test_another_line_is_none(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_line(line)


def test_contents_are_summed_up_by_account_and_currency_as_far_as_numbers_go() -> None:
    found = contents(9)
    assert found.postings == len(POSTINGS)
    assert found.sums() == [
        ArchivedSum("demo/alice", "USD", -100, 1),
        ArchivedSum("demo/bob", "USD", 100 - 2**63, 2),
        ArchivedSum("démo/é\u2028", "IDR", 2**63 - 1, 1),
    ]
    assert found.sha256 == sha256(b"".join(map(write_line, POSTINGS))).hexdigest()


def test_what_is_of_the_moment_or_later_is_late() -> None:
    assert contents(9).late == POSTINGS[2:]
    assert contents(10).late == []


@pytest.mark.parametrize("again", POSTINGS)
def test_entries_that_do_not_grow_are_refused(again: StoredPosting) -> None:
    with pytest.raises(ValueError, match="out of order"):
        contents(9).add(again, write_line(again))


def test_the_digest_of_what_is_kept_knows_no_order_and_each_number() -> None:
    sums, late = contents(9).sums(), contents(9).late
    digest = kept_digest(sums, late)
    assert kept_digest(sums[::-1], late[::-1]) == digest
    others = [
        kept_digest([sums[0]._replace(total=-101), *sums[1:]], late),
        kept_digest([sums[0]._replace(postings=2), *sums[1:]], late),
        kept_digest(sums[1:], late),
        kept_digest(sums, [late[0]._replace(created_at=8), *late[1:]]),
        kept_digest(sums, late[1:]),
    ]
    assert digest not in others
    assert len(set(others)) == len(others)


def test_what_stands_for_an_archive_says_all_of_it_and_asks_for_no_leg() -> None:
    record = archive_record(ARCHIVE)
    assert json.loads(record.content)["archive"] == ARCHIVE._asdict()
    assert (record.transfer_id, record.status) == ("archive:postings-1-5", "applied")
    tally = Tally(before=100)
    tally.ask(record)
    assert (tally.transfers, tally.legs) == (1, 0)


def test_a_posting_that_no_transfer_asked_for_is_a_stranger() -> None:
    legs = [tuple(posting[1:]) for posting in POSTINGS]
    assert strangers(POSTINGS, legs) == []
    assert strangers(POSTINGS, legs[1:]) == POSTINGS[:1]
    for changed in ({"amount": 1}, {"created_at": 1}, {"account_id": "a"}, {"currency": "EUR"}):
        other = POSTINGS[0]._replace(**changed)
        assert strangers([other], legs) == [other]
