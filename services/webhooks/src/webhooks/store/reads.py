"""Which deliveries there are."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, select

from kurs.data.bulk import is_any_of
from webhooks.domain.delivery import HELD, State
from webhooks.store.tables import deliveries, events


class Place(NamedTuple):
    """A delivery's place in a list; without its destination, the place after all of a sequence."""

    sequence: int
    destination: str | None = None


def list_deliveries(
    connection: Connection,
    names: Collection[str],
    *,
    merchant: str,
    state: str | None,
    sequences: Collection[int],
    before: Place | None,
    limit: int,
) -> Sequence[RowMapping]:
    """Return deliveries of the merchant's events to these destinations, newest first, each with its
    event; with `sequences` of these events alone.
    """
    d = deliveries.c
    query = (
        select(deliveries, events.c.event_id, events.c.type, events.c.body)
        .join(events, events.c.sequence == d.sequence)
        .where(is_any_of(connection, d.destination, list(names)), events.c.merchant == merchant)
        .order_by(d.sequence.desc(), d.destination)
        .limit(limit)
    )
    if state is not None:
        states = (state, HELD) if state == State.WAITING else (state,)
        query = query.where(d.state.in_(states))
    if sequences:
        query = query.where(d.sequence.in_(sequences))
    if before is not None:
        query = query.where(_behind(before))
    return connection.execute(query).mappings().all()


def _behind(place: Place) -> ColumnElement[bool]:
    d = deliveries.c
    older = d.sequence < place.sequence
    if place.destination is None:
        return older
    return older | ((d.sequence == place.sequence) & (d.destination > place.destination))
