"""Reads a partition of postings, and stores what stands for it afterwards; PostgreSQL only."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select, text

from kurs.data.bulk import insert_rows
from kurs.data.partitions import Partition
from wallet.domain.archives import Archive, ArchivedSum, StoredPosting
from wallet.domain.tally import Tally
from wallet.domain.transfers import Record
from wallet.store.archives import COMPARED, LATE, archives_end, first_kept
from wallet.store.checks import read_whole_tables
from wallet.store.tables import archived_late, archived_sums, archives, postings, transfers

_COLUMNS = ", ".join(StoredPosting._fields)
_OLDEST = text("""
SELECT entry_id, created_at FROM postings WHERE entry_id >= :bound ORDER BY created_at LIMIT 1
""")
_AT_ONCE = 500


class Extent(NamedTuple):
    """Where a partition begins, its youngest posting, and the oldest of all behind it.

    Moments are in microseconds; None where there is no such posting.
    """

    first_entry: int
    latest: int | None
    whole_before: int | None
    oldest_entry: int | None
    late: int
    """How many of its postings are not older than what is behind it."""


def may_archive(connection: Connection) -> bool:
    """Tell whether this role may store an archive; the service's own may not."""
    found = connection.execute(text("SELECT has_table_privilege('archives', 'INSERT')"))
    return bool(found.scalar())


def extent_of(connection: Connection, part: Partition) -> Extent:
    """Return the extent of the oldest partition: it begins where the archives end."""
    read_whole_tables(connection)
    lowest, latest = connection.execute(
        text(f"SELECT min(entry_id), max(created_at) FROM {part.name}")  # noqa: S608
    ).one()
    behind = connection.execute(_OLDEST, {"bound": part.bound}).first()
    oldest_entry, oldest = behind or (None, None)
    late = connection.execute(
        text(f"SELECT count(*) FROM {part.name} WHERE created_at >= :oldest"),  # noqa: S608
        {"oldest": oldest},
    ).scalar_one()
    begins = archives_end(connection).last_entry + 1
    first = begins if lowest is None else min(begins, int(lowest))
    return Extent(first, latest, oldest, oldest_entry, late)


def postings_after(
    connection: Connection, part: Partition, after: int | None, limit: int
) -> Sequence[StoredPosting]:
    """Return the next postings of a partition in the order of entries; None: the first ones."""
    where = "" if after is None else "WHERE entry_id > :after"
    query = f"SELECT {_COLUMNS} FROM {part.name} {where} ORDER BY entry_id LIMIT :most"  # noqa: S608
    rows = connection.execute(text(query), {"after": after, "most": limit})
    return [StoredPosting(*row) for row in rows]


def legs_before(connection: Connection, before: int) -> tuple[Tally, Tally]:
    """Return what was asked for before a moment (microseconds), and what of it is archived.

    Of transfers that may have postings in the next archive, that is: it must have the rest.
    """
    asked = Tally(before)
    booked = asked.other()
    read_whole_tables(connection)
    made = select(transfers).where(transfers.c.created_at < before, text(COMPARED))
    for row in connection.execute(made.execution_options(yield_per=_AT_ONCE)):
        asked.ask(Record(*row))
    for row in connection.execute(select(archived_late).where(text(LATE))):
        booked.book(*row[1:])
    return asked, booked


def kept_before(connection: Connection, moment: int) -> Sequence[StoredPosting]:
    """Return the postings of before a moment (microseconds) that are not archived."""
    read_whole_tables(connection)
    c = postings.c
    query = select(postings).where(c.entry_id >= first_kept(), c.created_at < moment)
    return [StoredPosting(*row) for row in connection.execute(query)]


def store_archive(
    connection: Connection,
    archive: Archive,
    sums: Sequence[ArchivedSum],
    late: Sequence[StoredPosting],
    record: Record,
) -> None:
    """Store an archive, what is kept of it, and the transfer that stands for it."""
    rows = [(s.account_id, s.currency, archive.last_entry, s.total, s.postings) for s in sums]
    columns = tuple(archived_sums.columns.keys())
    insert_rows(connection, archived_sums, columns, rows)
    insert_rows(connection, archived_late, StoredPosting._fields, late)
    insert_rows(connection, archives, Archive._fields, [archive])
    insert_rows(connection, transfers, Record._fields, [record])
