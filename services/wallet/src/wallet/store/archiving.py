"""Reads a partition of postings, and stores what stands for it afterwards; PostgreSQL only."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, text

from kurs.data.bulk import insert_rows
from kurs.data.partitions import Partition
from wallet.domain.archives import Archive, ArchivedSum, StoredPosting
from wallet.domain.transfers import Record
from wallet.store.archives import archives_end
from wallet.store.checks import read_whole_tables
from wallet.store.tables import archived_late, archived_sums, archives, transfers

_COLUMNS = ", ".join(StoredPosting._fields)


class Extent(NamedTuple):
    """Where a partition begins, its youngest posting, and the oldest of all behind it.

    Moments are in microseconds; None where there is no such posting.
    """

    first_entry: int
    latest: int | None
    whole_before: int | None


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
    oldest = connection.execute(
        text("SELECT min(created_at) FROM postings WHERE entry_id >= :bound"),
        {"bound": part.bound},
    ).scalar()
    begins = archives_end(connection).last_entry + 1
    first = begins if lowest is None else min(begins, int(lowest))
    return Extent(first, latest, oldest)


def postings_after(
    connection: Connection, part: Partition, after: int | None, limit: int
) -> Sequence[StoredPosting]:
    """Return the next postings of a partition in the order of entries; None: the first ones."""
    where = "" if after is None else "WHERE entry_id > :after"
    query = f"SELECT {_COLUMNS} FROM {part.name} {where} ORDER BY entry_id LIMIT :most"  # noqa: S608
    rows = connection.execute(text(query), {"after": after, "most": limit})
    return [StoredPosting(*row) for row in rows]


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
