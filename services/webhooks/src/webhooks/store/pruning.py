"""Forgets what was delivered long ago, and what nobody asks for any more, a few at a time."""

from collections.abc import Collection

from sqlalchemy import Connection, delete, exists, or_, select

from kurs.data.bulk import is_any_of
from webhooks.domain.delivery import State
from webhooks.store.tables import deliveries, destinations, events


def prune(connection: Connection, names: Collection[str], before: int, limit: int) -> int:
    """Remove deliveries made before a moment, up to `limit`, and return how many.

    Those that wait stay, but for destinations that are none of `names`; without any name they all
    do, since a folder that is empty for a while says nothing.
    """
    d = deliveries.c
    over = d.state == State.DELIVERED.value
    if names:
        over = or_(over, ~is_any_of(connection, d.destination, list(names)))
    old = select(d.destination, d.sequence).where(d.created_at < before, over)
    found = connection.execute(old.order_by(d.created_at).limit(limit)).all()
    for destination, sequence in found:
        connection.execute(
            delete(deliveries).where(d.destination == destination, d.sequence == sequence)
        )
    _forget_events(connection, sorted({sequence for _, sequence in found}))
    return len(found)


def _forget_events(connection: Connection, sequences: list[int]) -> None:
    for sequence in sequences:
        still = exists().where(deliveries.c.sequence == sequence)
        connection.execute(delete(events).where(events.c.sequence == sequence, ~still))


def forget_destinations(connection: Connection, names: Collection[str]) -> None:
    """Forget destinations that are none of `names` and have no deliveries left."""
    left = exists().where(deliveries.c.destination == destinations.c.name)
    gone = ~is_any_of(connection, destinations.c.name, list(names))
    connection.execute(delete(destinations).where(gone, ~left))
