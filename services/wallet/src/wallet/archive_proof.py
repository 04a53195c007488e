"""Proves that what stands for archived postings is what was archived, by the hash chain.

A balance is believed as far as it is the sum of postings; of archived ones only sums are left, so
these must be as sure as the postings were. Files are read by `python -m wallet verify --archives`.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from wallet.domain.archives import Archive, archive_record, kept_digest
from wallet.domain.transfers import ARCHIVE
from wallet.store.archives import archives_in_chain, kept_of, list_archives, strays
from wallet.store.chain import records_by_id
from wallet.walk import Finding


class ArchiveProof:
    """Goes round the archives, one at each look; what it found counts until the next round."""

    def __init__(self) -> None:
        self._last_entry: int | None = None
        self._found: dict[str, list[Finding]] = {}

    def step(self, connection: Connection) -> list[Finding]:
        """Prove the next archive; return all that is not as it was archived."""
        chained, known = archives_in_chain(connection), list_archives(connection)
        after = [a for a in known if self._last_entry is None or a.last_entry > self._last_entry]
        self._found = {a.name: self._found.get(a.name, []) for a in known}
        for archive in (after or known)[:1]:
            self._last_entry = archive.last_entry
            self._found[archive.name] = prove(connection, archive)
        found = [finding for found in self._found.values() for finding in found]
        return [*found, *missing(chained, known), *_stray(connection, known)]


def prove_all(connection: Connection) -> list[Finding]:
    """Prove every archive by what is in the ledger."""
    chained, known = archives_in_chain(connection), list_archives(connection)
    found = [finding for archive in known for finding in prove(connection, archive)]
    return [*found, *missing(chained, known), *_stray(connection, known)]


def prove(connection: Connection, archive: Archive) -> list[Finding]:
    """Compare the row of an archive, and what is kept of it, with what the chain has."""
    made = archive_record(archive)
    name, at = made.transfer_id, archive.archived_at
    if records_by_id(connection, [name]).get(name) != made:
        return [Finding(f"the archive {archive.name} is not the one that was made", name, at)]
    if kept_digest(*kept_of(connection, archive)) != archive.kept_sha256:
        return [Finding(f"what is kept of {archive.name} is not what was archived", name, at)]
    return []


def missing(chained: Sequence[str], known: Sequence[Archive]) -> list[Finding]:
    """Return the archives that the chain had, and the ledger has not any more."""
    there = {f"{ARCHIVE}{archive.name}" for archive in known}
    return [Finding("the archive is gone", name) for name in chained if name not in there]


def _stray(connection: Connection, known: Sequence[Archive]) -> Iterator[Finding]:
    """Find what stands between archives, or for none: nothing else is the sum of any posting."""
    for before, archive in zip([None, *known], known, strict=False):
        begins = before.last_entry + 1 if before else min(1, archive.first_entry)
        if archive.first_entry != begins:
            what = f"the archive {archive.name} does not begin at entry {begins}"
            yield Finding(what, at=archive.archived_at)
    sums, late = strays(connection)
    if sums is not None:
        yield Finding(f"archived sums up to entry {sums} are of no archive")
    if late is not None:
        yield Finding(f"the archived posting {late} is of no archive")
