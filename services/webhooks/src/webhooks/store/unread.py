"""Which events payments could not read at their turn."""

from collections.abc import Sequence

from sqlalchemy import Connection, func, select, update

from kurs.data.bulk import insert_rows
from webhooks.store.tables import unread_events


def note(connection: Connection, sequences: Sequence[int], now: int) -> None:
    """Remember these, and that they were asked for now."""
    if not sequences:
        return
    rows = [(sequence, now) for sequence in sequences]
    insert_rows(connection, unread_events, ("sequence", "tried_at"), rows, skip_existing=True)
    known = unread_events.c.sequence.in_(sequences)
    connection.execute(update(unread_events).where(known).values(tried_at=now))


def due(connection: Connection, before: int, limit: int) -> Sequence[int]:
    """Return some that were not asked for since a moment, those of longest ago first."""
    column, tried_at = unread_events.c.sequence, unread_events.c.tried_at
    query = select(column).where(tried_at <= before).order_by(tried_at, column).limit(limit)
    return list(connection.execute(query).scalars())


def count(connection: Connection) -> int:
    """Return how many there are."""
    return connection.execute(select(func.count()).select_from(unread_events)).scalar_one()
