"""What is said of postings that are set aside, byte for byte.

An archive is a file of JSON lines, one posting each, in the order of their entries. Its row says
where it begins and ends, and has the SHA-256 of the file and of what is kept of it in the ledger;
and the same, as the content of a transfer that moves nothing, stands in the ledger's hash chain, so
that nobody can change the row unseen.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from pydantic_core import to_json

from wallet.domain.transfers import ARCHIVE, Kind, Record

_HOUSE = "house:"


class StoredPosting(NamedTuple):
    """A posting as it is stored; `amount` in minor units, `created_at` in microseconds."""

    entry_id: int
    transfer_id: str
    account_id: str
    currency: str
    amount: int
    created_at: int


class ArchivedSum(NamedTuple):
    """What an archive has of one account and currency: the sum in minor units, and how many."""

    account_id: str
    currency: str
    total: int
    postings: int


class Archive(NamedTuple):
    """One archive; the fields are the columns of `archives`, in order; moments in microseconds.

    Of transfers that were made before `whole_before` all postings are in this archive or an earlier
    one.
    """

    last_entry: int
    name: str
    first_entry: int
    postings: int
    sha256: str
    kept_sha256: str
    whole_before: int
    archived_at: int


def write_line(posting: StoredPosting) -> bytes:
    """Return a posting as a line of a file."""
    return to_json(posting._asdict()) + b"\n"


def read_line(line: bytes) -> StoredPosting:
    """Return the posting of a line; raises ValueError for any other."""
    try:
        posting = StoredPosting(**json.loads(line))
    except TypeError as error:
        raise ValueError("no posting") from error
    if write_line(posting) != line:
        raise ValueError("not as it is written")
    return posting


def kept_digest(sums: Sequence[ArchivedSum], late: Sequence[StoredPosting]) -> str:
    """Return the digest of what is kept of an archive, in any order."""
    return sha256(to_json([sorted(sums), sorted(late)])).hexdigest()


def archive_record(archive: Archive) -> Record:
    """Return the transfer that stands for an archive in the hash chain."""
    return Record(
        f"{ARCHIVE}{archive.name}", Kind.ARCHIVE.value, _HOUSE, "applied", None, None, None,
        to_json({"kind": Kind.ARCHIVE.value, "archive": archive._asdict()}).decode(),
        None, None, None, None, None, archive.archived_at, f"{_HOUSE}/archive",
    )  # fmt: skip


class Contents:
    """What the postings of a file come to, as they are read.

    `late` are those that were made at `whole_before` (microseconds) or later.
    """

    def __init__(self, whole_before: int) -> None:
        self.postings = 0
        self.last_entry: int | None = None
        self.late: list[StoredPosting] = []
        self._whole_before = whole_before
        self._sums: dict[tuple[str, str], tuple[int, int]] = {}
        self._digest = sha256()

    def add(self, posting: StoredPosting, line: bytes) -> None:
        """Count one posting more, and its line; raises ValueError when it is out of order."""
        if self.last_entry is not None and posting.entry_id <= self.last_entry:
            raise ValueError(f"entry {posting.entry_id} is out of order")
        self.last_entry = posting.entry_id
        self.postings += 1
        self._digest.update(line)
        key = posting.account_id, posting.currency
        total, number = self._sums.get(key, (0, 0))
        self._sums[key] = total + posting.amount, number + 1
        if posting.created_at >= self._whole_before:
            self.late.append(posting)

    def sums(self) -> list[ArchivedSum]:
        """Return the sums by account and currency."""
        return [ArchivedSum(*key, *found) for key, found in sorted(self._sums.items())]

    @property
    def sha256(self) -> str:
        """The digest of all lines."""
        return self._digest.hexdigest()


def strangers(
    postings: Iterable[StoredPosting], legs: Iterable[tuple[str, str, str, int, int]]
) -> list[StoredPosting]:
    """Return those postings that no transfer asked for, or not as often.

    `legs` are a transfer's id, account, currency, amount in minor units and moment.
    """
    left, found = Counter(legs), list[StoredPosting]()
    for posting in postings:
        if left[posting[1:]]:
            left[posting[1:]] -= 1
        else:
            found.append(posting)
    return found
