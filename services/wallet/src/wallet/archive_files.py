"""Writes postings to a file, and reads them back into the proof.

A file has its name only when it is whole and on the disk: what was broken off has another.
"""

import fcntl
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from kurs.data.database import Database
from kurs.data.limits import WHOLE_SECONDS
from kurs.kernel.files import OWNER_ONLY
from kurs.kernel.settings import CannotRun
from wallet.domain.archives import (
    Archive,
    Contents,
    StoredPosting,
    kept_digest,
    read_line,
    strangers,
    write_line,
)
from wallet.domain.content import postings_of
from wallet.domain.tally import Tally
from wallet.domain.transfers import Record
from wallet.store.chain import records_by_id
from wallet.walk import Finding

_AT_ONCE = 500
_CHUNK_BYTES = 2**20


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make a folder if need be, and keep others from writing to it; raises CannotRun."""
    with _naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(opened, folder)
        yield
    finally:
        os.close(opened)


def _lock(opened: int, folder: Path) -> None:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotRun(f"another command writes to {folder}") from None


def file_of(folder: Path, name: str) -> Path:
    """Return the path of an archive's file."""
    return folder / f"{name}.jsonl"


async def write_file(
    file: Path, pages: AsyncIterator[Sequence[StoredPosting]], whole_before: int
) -> Contents:
    """Write postings, for their owner alone to read; return what they come to.

    Raises CannotRun where that cannot be, or there is a file of that name with other postings,
    which stays.
    """
    contents = Contents(whole_before)
    broken = file.with_suffix(".part")
    with _naming(file):
        _require_plain(file)
        with _made_anew(broken) as opened:
            async for page in pages:
                for posting in page:
                    line = write_line(posting)
                    contents.add(posting, line)
                    opened.write(line)
            opened.flush()
            os.fsync(opened.fileno())
            _put(broken, file, contents.sha256)
    return contents


async def compare_file(
    database: Database, folder: Path, archive: Archive, booked: Tally
) -> list[Finding]:
    """Compare a file with its archive, and each posting in it with what its transfer asked for.

    What it has is counted as `booked`: only all that was asked for tells what is missing. Raises
    CannotRun when it is not there, or cannot be read.
    """
    file = file_of(folder, archive.name)
    if not file.is_file():
        raise CannotRun(f"{file} is not there: copy all archives to one folder")
    with _naming(file):
        return await _compare(database, file, archive, booked)


async def _compare(
    database: Database, file: Path, archive: Archive, booked: Tally
) -> list[Finding]:
    if _digest(file) != archive.sha256:
        return [Finding(f"{file.name} is not the file that was written", at=archive.archived_at)]
    contents, findings = Contents(archive.whole_before), list[Finding]()
    with file.open("rb") as opened:
        while lines := list(islice(opened, _AT_ONCE)):
            try:
                postings = list(_read(lines, contents))
            except ValueError as error:
                return [*findings, Finding(f"{file.name} cannot be read: {error}")]
            findings += await _foreign(database, postings)
            for posting in postings:
                booked.book(*posting[1:])
    kept = kept_digest(contents.sums(), contents.late)
    if (contents.postings, kept) != (archive.postings, archive.kept_sha256):
        findings.append(Finding(f"what is kept of {archive.name} is not what is in its file"))
    return findings


def _read(lines: Sequence[bytes], contents: Contents) -> Iterator[StoredPosting]:
    for line in lines:
        posting = read_line(line)
        contents.add(posting, line)
        yield posting


async def _foreign(database: Database, postings: Sequence[StoredPosting]) -> list[Finding]:
    ids = sorted({posting.transfer_id for posting in postings})
    stored = await database.read(lambda c: records_by_id(c, ids), seconds=WHOLE_SECONDS)
    legs = [leg for record in stored.values() for leg in _legs(record)]
    return [
        Finding(f"no transfer asked for entry {p.entry_id}", p.transfer_id, p.created_at)
        for p in strangers(postings, legs)
    ]


def _legs(record: Record) -> Iterator[tuple[str, str, str, int, int]]:
    if record.status == "applied":
        try:
            legs = postings_of(record)
        except Exception:  # whoever wrote it chose how it cannot be read: it asked for nothing
            return
        for leg in legs:
            yield (record.transfer_id, *leg, record.created_at)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Say which file or folder it was: the database's errors are others."""
    try:
        yield
    except OSError as error:
        raise CannotRun(f"{error.filename or path}: {error.strerror or error}") from error


@contextmanager
def _made_anew(file: Path) -> Iterator[BinaryIO]:
    """Open a file that nobody else made, for its owner alone; it goes where it is not finished."""
    file.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(file, flags, OWNER_ONLY), "wb") as opened:
            yield opened
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _require_plain(file: Path) -> None:
    if file.is_symlink() or (file.exists() and not file.is_file()):
        raise CannotRun(f"{file} is no plain file: choose another folder, or move it away")


def _digest(file: Path) -> str:
    digest = sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _put(broken: Path, file: Path, digest: str) -> None:
    if file.exists() and _digest(file) != digest:
        raise CannotRun(f"{file} is of other postings: choose another folder, or move it away")
    broken.replace(file)
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
