"""Captured payments, read again and again to compare them with the ledger."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import Connection, Row, Select, select

from payments.domain.moves import Status
from payments.store.events import last_sequence
from payments.store.tables import events

# A bound on the events that one search for captures reads.
_LOOKED_AT = 50_000


class Captures(Struct, frozen=True):
    """Uid and earlier status of some captured payments, and the last sequence looked at."""

    found: Sequence[tuple[str, str]]
    until: int


def newest_captures(connection: Connection, before: int, limit: int) -> Sequence[tuple[str, str]]:
    """Return uid and earlier status of the newest captures made before a moment."""
    newest = last_sequence(connection)
    query = _captures(newest - _LOOKED_AT, before, limit).order_by(events.c.sequence.desc())
    return _found(connection.execute(query).all())


def captures_after(connection: Connection, after: int, before: int, limit: int) -> Captures:
    """Return the first captures past a sequence that were made before a moment.

    `until` is where to go on, and 0, the beginning, when nothing is left.
    """
    query = _captures(after, before, limit).where(events.c.sequence <= after + _LOOKED_AT)
    rows = connection.execute(query.order_by(events.c.sequence)).all()
    until = rows[-1].sequence if len(rows) == limit else after + _LOOKED_AT
    return Captures(_found(rows), until if until < last_sequence(connection) else 0)


def _found(rows: Sequence[Row[tuple[int, str, str | None]]]) -> list[tuple[str, str]]:
    return [(row.uid, row.from_status or "") for row in rows]


def _captures(after: int, before: int, limit: int) -> Select[tuple[int, str, str | None]]:
    # A refund that fails leaves it captured.
    moved = events.c.from_status != events.c.to_status
    captured = (events.c.to_status == Status.CAPTURED.value) & moved
    return (
        select(events.c.sequence, events.c.uid, events.c.from_status)
        .where(events.c.sequence > after, captured, events.c.at < before)
        .limit(limit)
    )
