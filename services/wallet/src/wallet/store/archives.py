"""What stands for the postings that were set aside.

An archive is a range of entries, up to and with its last one: each begins where the one before it
ended. From the commit of its row on its entries count as gone, wherever they still are, and its
sums count instead: so there is no moment at which both do, or neither. Everything that sums up
postings reads those that are `KEPT` only, and the archived sums, by one statement.

Of transfers that were made before `whole_before` all postings are archived, of others those that
are not `KEPT` are also in `archived_late`. None of this changes once it is there.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, ScalarSelect, func, literal_column, select, text

from wallet.domain.archives import Archive, ArchivedSum, StoredPosting
from wallet.domain.transfers import ARCHIVE
from wallet.store.reports import Sum, summed, whole
from wallet.store.tables import archived_late, archived_sums, archives, transfers

_LEAST = "(-9223372036854775807 - 1)"
"""Smaller than any entry or moment; whoever inserts one of his own chooses its number."""
FIRST_KEPT = f"(SELECT coalesce(max(last_entry) + 1, {_LEAST}) FROM archives)"  # noqa: S608
"""The first entry that is not archived, in SQL."""
WHOLE_BEFORE = f"(SELECT coalesce(max(whole_before), {_LEAST}) FROM archives)"  # noqa: S608
"""Before which moment (microseconds) all transfers are archived with all their postings, in SQL."""
KEPT = f"entry_id >= {FIRST_KEPT}"
"""The condition on a posting that is not archived, in SQL."""
OF_ARCHIVES = "last_entry IN (SELECT last_entry FROM archives)"
"""The condition on an archived sum that counts, in SQL: that of an archive."""
COMPARED = f"""(created_at >= {WHOLE_BEFORE} OR transfer_id IN (
    SELECT transfer_id FROM postings WHERE {KEPT} AND created_at < {WHOLE_BEFORE}))"""  # noqa: S608
"""The condition on what a transfer asked for that is compared with its postings, in SQL: some of
them may be kept. That of a clock that was far behind is told by its postings, not by its moment."""
LATE = f"entry_id < {FIRST_KEPT} AND {COMPARED}"
"""The condition on an archived posting that is compared, in SQL."""

# From one end of sums to the next by the index, up to the first that is no archive's.
_STRAY_SUMS = text(f"""
WITH RECURSIVE ends (last_entry) AS (
    SELECT min(last_entry) FROM archived_sums
    UNION ALL SELECT (
        SELECT min(s.last_entry) FROM archived_sums s WHERE s.last_entry > e.last_entry)
    FROM ends e WHERE e.{OF_ARCHIVES})
SELECT last_entry FROM ends WHERE last_entry IS NOT NULL AND NOT {OF_ARCHIVES}
""")  # noqa: S608 - put together from constants
_STRAY_LATE = text("""
SELECT min(entry_id) FROM archived_late l WHERE NOT EXISTS (
    SELECT 1 FROM archives a WHERE l.entry_id BETWEEN a.first_entry AND a.last_entry)
""")


class Ended(NamedTuple):
    """Where the archives end: their last entry, and the newest `whole_before`.

    Without any: 0, and before all moments.
    """

    last_entry: int
    whole_before: int


def archives_end(connection: Connection) -> Ended:
    """Return where the archives end."""
    query = select(
        func.coalesce(func.max(archives.c.last_entry), 0),
        literal_column(WHOLE_BEFORE),
    )
    return Ended(*map(int, connection.execute(query).one()))


def first_kept() -> ScalarSelect[int]:
    """Return the first entry that is not archived, for a query."""
    return select(literal_column(FIRST_KEPT)).scalar_subquery()


def list_archives(connection: Connection) -> list[Archive]:
    """Return all archives, the oldest first."""
    return [Archive(*row) for row in connection.execute(_IN_ORDER)]


def archived_totals(connection: Connection) -> dict[str, Sum]:
    """Return sum and number of all archived postings by currency."""
    query = select(
        archived_sums.c.currency, *summed(archived_sums.c.total),
        *summed(archived_sums.c.postings),
    ).where(text(OF_ARCHIVES)).group_by(archived_sums.c.currency)  # fmt: skip
    return {
        currency: Sum(whole(high, low), whole(more, less))
        for currency, high, low, more, less in connection.execute(query)
    }


def archived_before(connection: Connection, account_id: str) -> int | None:
    """Return `whole_before` of the newest archive with postings of an account; None for none."""
    query = (
        select(func.max(archives.c.whole_before))
        .join(archived_sums, archived_sums.c.last_entry == archives.c.last_entry)
        .where(archived_sums.c.account_id == account_id)
    )
    return connection.execute(query).scalar()


def kept_of(
    connection: Connection, archive: Archive
) -> tuple[list[ArchivedSum], list[StoredPosting]]:
    """Return what is kept of an archive: sums by account and currency, and late postings."""
    c = archived_sums.c
    sums = select(c.account_id, c.currency, c.total, c.postings).where(
        c.last_entry == archive.last_entry
    )
    late = select(archived_late).where(
        archived_late.c.entry_id.between(archive.first_entry, archive.last_entry)
    )
    return (
        [ArchivedSum(*row) for row in connection.execute(sums)],
        [StoredPosting(*row) for row in connection.execute(late)],
    )


def strays(connection: Connection) -> tuple[int | None, int | None]:
    """Return the first end of sums, and the first late posting, that belong to no archive."""
    sums, late = (connection.execute(query).scalar() for query in (_STRAY_SUMS, _STRAY_LATE))
    return sums, late


def archives_in_chain(connection: Connection) -> list[str]:
    """Return the ids of all transfers that stand for an archive."""
    beyond = ARCHIVE[:-1] + chr(ord(ARCHIVE[-1]) + 1)
    query = select(transfers.c.transfer_id).where(
        transfers.c.transfer_id >= ARCHIVE, transfers.c.transfer_id < beyond
    )
    return list(connection.execute(query).scalars())


def late_since(connection: Connection, moment: int) -> Sequence[StoredPosting]:
    """Return the archived postings of a moment (microseconds) or later."""
    query = select(archived_late).where(
        archived_late.c.created_at >= moment, archived_late.c.entry_id < first_kept()
    )
    return [StoredPosting(*row) for row in connection.execute(query)]


_IN_ORDER = select(archives).order_by(archives.c.last_entry)
