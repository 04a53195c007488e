"""Forgets what was delivered long ago, and what nobody asks for any more, a few at a time."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, delete, exists, select, tuple_

from kurs.data.bulk import is_any_of
from kurs.data.database import for_update
from webhooks.domain.delivery import State
from webhooks.store.tables import deliveries, destinations, events, feed

_KEYS = select(deliveries.c.destination, deliveries.c.sequence)


def prune(connection: Connection, names: Collection[str], before: int, limit: int) -> int:
    """Remove what was delivered before a moment, up to `limit`, and return how much.

    What waits stays, but for destinations that are none of `names` and that no replica has held
    since, and for those that are another merchant's since before that: one may be written again, or
    given back. Without any name it all does, since a document that is empty for a while says
    nothing.
    """
    d = deliveries.c
    wanted = [_delivered(before)]
    if names:
        wanted += [_of_the_gone(connection, names, before), _of_the_given(before)]
    found: set[tuple[str, int]] = set()
    for query in wanted:
        some = _free(connection, query.limit(limit - len(found)))
        found |= {(destination, sequence) for destination, sequence in connection.execute(some)}
    if found:
        keys = tuple_(d.destination, d.sequence).in_(sorted(found))
        connection.execute(delete(deliveries).where(keys))
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


def _delivered(before: int) -> Select[Any]:
    d = deliveries.c
    old = (d.delivered_at < before) & (d.state == State.DELIVERED.value)
    return _KEYS.where(old).order_by(d.delivered_at)


def _of_the_gone(connection: Connection, names: Collection[str], before: int) -> Select[Any]:
    gone = ~is_any_of(connection, destinations.c.name, list(names))
    unseen = destinations.c.lease_until < before
    return _waiting_for(select(destinations.c.name).where(gone, unseen), before)


def _of_the_given(before: int) -> Select[Any]:
    """Choose what waits for who had a destination's name before: nothing is read for the others."""
    given = select(destinations.c.name).where(destinations.c.merchant_since < before)
    is_its = (destinations.c.name == deliveries.c.destination) & (
        events.c.sequence == deliveries.c.sequence
    )
    formers = exists().where(is_its, destinations.c.merchant != events.c.merchant)
    return _waiting_for(given, before).where(formers)


def _waiting_for(chosen: Select[tuple[str]], before: int) -> Select[Any]:
    d = deliveries.c
    waits = (d.created_at < before) & (d.state == State.WAITING.value)
    return _KEYS.where(d.destination.in_(chosen), waits)


def _free(connection: Connection, query: Select[Any]) -> Select[Any]:
    """Leave out, for another turn, what somebody keeps locked."""
    return for_update(connection, query, skip_locked=True)
