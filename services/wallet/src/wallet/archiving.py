"""Sets whole partitions of postings aside: first into files, then out of the ledger's table.

Each step may be the last before the power goes, and the command begins again:

1. the file is written, and read back into the proof: nothing has changed yet;
2. one transaction stores the archive's row, sums and late postings, and its transfer and link: from
   its commit on the postings count as archived, though they are still in their partition;
3. the partition is detached, beside writers. What was left undone is done first the next time.

Transfers stay, and so an id that was used answers for ever what it was answered first.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from kurs.data.database import Database
from kurs.data.limits import WHOLE_SECONDS
from kurs.data.partitions import Partition, detach, partitions_of
from kurs.kernel.settings import CannotRun
from wallet.archive_files import alone_in, compare_file, file_of, write_file
from wallet.domain.archives import Archive, Contents, StoredPosting, archive_record, kept_digest
from wallet.store.archives import archives_end, list_archives
from wallet.store.archiving import (
    Extent,
    extent_of,
    legs_before,
    may_archive,
    postings_after,
    store_archive,
)
from wallet.store.chain import append_link, is_sealed
from wallet.store.checkpoints import lock_checkpoint, read_checkpoint
from wallet.sums import SETTLED_MICROS
from wallet.verification import verify

_PAGE = 5_000
_CHAIN = 0
_MOST_LATE = 100_000
"""How many postings of an archive may be kept as late ones: clocks are a little apart."""
_LARGEST = 2**63 - 1

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Archiving:
    """One run of the command, by the role that owns the tables, at `now` in microseconds."""

    database: Database
    url: str
    folder: Path
    now: int
    say: Say

    async def run(self, before: int) -> int:
        """Archive the partitions that are closed, of which all was made before a moment.

        Returns how many. Raises CannotRun when the ledger is not as it was made, and leaves it so.
        """
        if self.database.dialect == "sqlite":
            raise CannotRun("SQLite has no partitions: only a ledger on PostgreSQL is archived")
        if not await self.database.read(is_sealed):
            raise CannotRun("the ledger is not sealed: run `python -m wallet seal` first")
        if not await self.database.read(may_archive):
            raise CannotRun("only the role that owns the tables may archive: use the owner's URL")
        with alone_in(self.folder):
            return await self._run(before)

    async def _run(self, before: int) -> int:
        made = 0
        await self._take_out()
        while (closed := await self._closed(before)) is not None:
            if not made:
                await self._verify()
            await self._archive(*closed)
            await self._take_out()
            made += 1
        return made

    async def _take_out(self) -> None:
        """Detach what is archived and still in the table."""
        last, parts = await self.database.read(
            lambda c: (archives_end(c).last_entry, partitions_of(c, "postings"))
        )
        for part in parts:
            if part.leaving or part.bound - 1 <= last:
                await detach(self.url, "postings", part)
                self.say(f"{part.name} is out of the ledger: drop it when its file is safe")

    async def _closed(self, before: int) -> tuple[Partition, Extent] | None:
        """Return the oldest partition if nothing can come to it any more, with what it has."""
        parts, settled = await self.database.read(
            lambda c: (partitions_of(c, "postings"), read_checkpoint(c).entry_id)
        )
        if not parts:
            raise CannotRun("postings are in no partitions yet: run `python -m wallet migrate`")
        part = parts[0]
        if settled < part.bound:
            self.say(f"{part.name} is not full: entries are settled up to {settled}")
            return None
        extent = await self.database.read(lambda c: extent_of(c, part), seconds=WHOLE_SECONDS)
        if extent.latest is not None and extent.latest >= before:
            self.say(f"{part.name} has postings of that day or later")
            return None
        if extent.whole_before is None or extent.whole_before > self.now - SETTLED_MICROS:
            self.say(f"what comes after {part.name} has not settled yet")
            return None
        if extent.late > _MOST_LATE:
            raise CannotRun(
                f"{extent.late:,} postings of {part.name} are as young as entry "
                f"{extent.oldest_entry} behind it, whose clock was behind: {part.name} stays"
            )
        return part, extent

    async def _verify(self) -> None:
        report = await verify(self.database, {})
        if report.findings:
            raise CannotRun(
                f"the ledger was touched ({report.findings[0].what}): nothing was archived; "
                "`python -m wallet verify` says more"
            )

    async def _archive(self, part: Partition, extent: Extent) -> None:
        first, last, whole_before = extent.first_entry, part.bound - 1, extent.whole_before or 0
        name = f"postings-{first}-{last}"
        file = file_of(self.folder, name)
        contents = await write_file(file, self._pages(part), whole_before)
        if any(abs(each.total) > _LARGEST for each in contents.sums()):
            raise CannotRun(f"a sum of {part.name} does not fit into 64 bits")
        archive = Archive(
            last, name, first, contents.postings, contents.sha256,
            kept_digest(contents.sums(), contents.late), whole_before, self.now,
        )  # fmt: skip
        await self._compare(archive)
        await self.database.write(
            lambda c: store(c, archive, contents), lock_seconds=60.0, seconds=WHOLE_SECONDS
        )
        self.say(f"{archive.postings:,} postings are in {file} (SHA-256 {archive.sha256})")

    async def _compare(self, archive: Archive) -> None:
        """Compare the file with what was asked for, both ways: it stands for that from now on."""
        asked, booked = await self.database.read(
            lambda c: legs_before(c, archive.whole_before), seconds=WHOLE_SECONDS
        )
        findings = await compare_file(self.database, self.folder, archive, booked)
        if findings or asked.legs != booked.legs:
            what = findings[0].what if findings else "it has not all that transfers asked for"
            raise CannotRun(f"{archive.name}: {what}; nothing was archived")

    async def _pages(self, part: Partition) -> AsyncIterator[Sequence[StoredPosting]]:
        page: Sequence[StoredPosting] = ()
        while True:
            after = page[-1].entry_id if page else None
            page = await self.database.read(
                lambda c, a=after: postings_after(c, part, a, _PAGE),  # type: ignore[misc]
                seconds=WHOLE_SECONDS,
            )
            if not page:
                return
            yield page


def store(connection: Connection, archive: Archive, contents: Contents) -> None:
    """Let the archive count instead of its postings.

    Nobody drops the checkpoint, nor makes another archive, until the commit.
    """
    settled = lock_checkpoint(connection).entry_id
    known = list_archives(connection)
    if archive in known:
        return  # The commit of it was all that was not heard of.
    if known and known[-1].last_entry >= archive.first_entry:
        raise CannotRun(f"somebody else archived {archive.name} meanwhile")
    if settled < archive.last_entry:
        raise CannotRun("the checkpoint of the trial balance was dropped: wait for the audit")
    record = archive_record(archive)
    store_archive(connection, archive, contents.sums(), contents.late, record)
    # Payments of the chain's stripe wait from here to the commit.
    append_link(connection, _CHAIN, [record], archive.archived_at)
