"""Checkpoints: what all postings up to one sum to, so that nobody has to read them again.

All rows stand at the same entry. They hold sums of what cannot change by the rules; that nobody
changed it against them is what the audit proves (wallet/sums.py).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select, text

from kurs.data.database import for_update
from wallet.store.archives import archived_totals, archives_end
from wallet.store.reports import Sum
from wallet.store.tables import checkpoints

_LARGEST = 2**63 - 1
# Of two replicas that make the first one at once, the one that saw more wins.
_MOVE = text("""
INSERT INTO checkpoints (currency, entry_id, total, postings)
VALUES (:currency, :entry_id, :total, :postings)
ON CONFLICT (currency) DO UPDATE SET
    entry_id = excluded.entry_id, total = excluded.total, postings = excluded.postings
WHERE checkpoints.entry_id < excluded.entry_id
""")


class Checkpoint(NamedTuple):
    """The sums by currency of all postings up to and with `entry_id`; 0 when there is none.

    Those that were archived are among them.
    """

    entry_id: int
    sums: Mapping[str, Sum]


def read_checkpoint(connection: Connection) -> Checkpoint:
    """Return the newest checkpoint, and where that was dropped what was archived."""
    return _checkpoint(connection, connection.execute(select(checkpoints)).all())


def archived_checkpoint(connection: Connection) -> Checkpoint:
    """Return where every sum begins: at what was archived."""
    last, _ = archives_end(connection)
    return Checkpoint(last, archived_totals(connection) if last else {})


def move_checkpoint(connection: Connection, since: Checkpoint, to: Checkpoint) -> None:
    """Store the checkpoint `to`, unless `since`, of which it was made, is there no more.

    So what was summed up on a false one does not outlive it. One that 64 bits do not hold is not
    stored: something is far off, and is read again each time.
    """
    if any(abs(each.total) > _LARGEST for each in to.sums.values()):
        return
    if lock_checkpoint(connection) != since:
        return
    rows = [
        {"currency": currency, "entry_id": to.entry_id, **each._asdict()}
        for currency, each in sorted(to.sums.items())
    ]
    if rows:
        connection.execute(_MOVE, rows)


def drop_checkpoint(connection: Connection) -> None:
    """Begin anew at the first posting: what a checkpoint said was not so."""
    lock_checkpoint(connection)
    connection.execute(checkpoints.update().values(entry_id=0, total=0, postings=0))


def lock_checkpoint(connection: Connection) -> Checkpoint:
    """Return the newest checkpoint, which nobody moves until the commit."""
    query = for_update(connection, select(checkpoints).order_by(checkpoints.c.currency))
    return _checkpoint(connection, connection.execute(query).all())


def _checkpoint(connection: Connection, rows: Sequence[Row[Any]]) -> Checkpoint:
    entry_id = max((row.entry_id for row in rows), default=0)
    if entry_id < archives_end(connection).last_entry:
        return archived_checkpoint(connection)
    return Checkpoint(entry_id, {row.currency: Sum(row.total, row.postings) for row in rows})
