"""Forgets what was delivered long ago, and what nobody asks for any more, a few at a time."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, select, tuple_

from kurs.data.bulk import is_any_of
from kurs.data.database import for_update
from webhooks.domain.delivery import State
from webhooks.store.tables import deliveries, destinations, events, feed


def prune(connection: Connection, names: Collection[str], before: int, limit: int) -> int:
    """Remove what was delivered before a moment, up to `limit`, and return how much.

    What waits stays, but for destinations that are none of `names` and that no replica has held
    since, and for those that are another merchant's by now, when it was made before that: one may
    be written again. Without any name it all does, since a document that is empty for a while says
    nothing.
    """
    d = deliveries.c
    old = (d.delivered_at < before) & (d.state == State.DELIVERED.value)
    query = select(d.destination, d.sequence)
    oldest = query.where(old).order_by(d.delivered_at).limit(limit)
    found = connection.execute(_free(connection, oldest)).all()
    if names and len(found) < limit:
        gone = ~is_any_of(connection, destinations.c.name, list(names))
        unseen = destinations.c.lease_until < before
        theirs = d.destination.in_(select(destinations.c.name).where(gone, unseen))
        waits = (theirs | _formers()) & (d.created_at < before) & (d.state == State.WAITING.value)
        theirs_left = query.where(waits).limit(limit - len(found))
        found = [*found, *connection.execute(_free(connection, theirs_left))]
    if found:
        keys = [(destination, sequence) for destination, sequence in found]
        connection.execute(delete(deliveries).where(tuple_(d.destination, d.sequence).in_(keys)))
        sequences = sorted({sequence for _, sequence in found})
        still = exists().where(d.sequence == events.c.sequence)
        connection.execute(delete(events).where(events.c.sequence.in_(sequences), ~still))
    return len(found)


def forget_destinations(connection: Connection, names: Collection[str], before: int) -> None:
    """Forget destinations that are none of `names`, have no deliveries left, and that no replica
    has held since `before`: others may see a file that we do not see yet, or no more.
    """
    # The intake locks this row, too: what it stores is seen here.
    connection.execute(for_update(connection, select(feed.c.id))).all()
    left = exists().where(deliveries.c.destination == destinations.c.name)
    gone = ~is_any_of(connection, destinations.c.name, list(names))
    unseen = destinations.c.lease_until < before
    query = select(destinations.c.name).where(gone, unseen, ~left)
    free = list(connection.execute(_free(connection, query)).scalars())
    connection.execute(delete(destinations).where(is_any_of(connection, destinations.c.name, free)))


def _formers() -> ColumnElement[bool]:
    """Return whether a delivery is for whose destination had its name before."""
    is_theirs = (destinations.c.name == deliveries.c.destination) & (
        events.c.sequence == deliveries.c.sequence
    )
    return exists().where(is_theirs, destinations.c.merchant != events.c.merchant)


def _free(connection: Connection, query: Select[Any]) -> Select[Any]:
    """Leave out, for another turn, what somebody keeps locked."""
    return for_update(connection, query, skip_locked=True)
