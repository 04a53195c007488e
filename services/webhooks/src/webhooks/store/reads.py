"""What is told of destinations and deliveries, and what a person asks for again."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, Update, exists, func, select, update

from kurs.data.bulk import is_any_of
from kurs.data.database import for_update
from webhooks.domain.delivery import State
from webhooks.domain.health import Standing
from webhooks.store.tables import deliveries, destinations, events, feed

MOST_REPLAYED = 10_000
"""Events that one replay sends again."""


class Place(NamedTuple):
    """A delivery's place in a list; without its destination, the place after all of a sequence."""

    sequence: int
    destination: str | None = None


class Replayed(NamedTuple):
    """How many are sent again, and the last sequence of these, None for none."""

    events: int
    until: int | None


def standings(
    connection: Connection, merchants: Mapping[str, str]
) -> tuple[Mapping[str, Standing], int | None]:
    """Return how these destinations do, each with its merchant, and when the feed was read last.

    One that nothing is known of yet is left out.
    """
    known, names = destinations.c.name, list(merchants)
    d = deliveries.c
    backlog = {
        (row.destination, row.merchant): row
        for row in connection.execute(
            select(
                d.destination,
                events.c.merchant,
                func.count().label("waiting"),
                func.min(d.created_at).label("oldest"),
                func.min(d.failed_at).label("failed"),
                func.min(d.next_at).label("due"),
            )
            .join(events, events.c.sequence == d.sequence)
            .where(d.state == State.WAITING.value, is_any_of(connection, d.destination, names))
            .group_by(d.destination, events.c.merchant)
        )
    }
    query = select(destinations).where(is_any_of(connection, known, names))
    found = {}
    for row in connection.execute(query):
        waits = backlog.get((row.name, merchants[row.name]))
        found[row.name] = Standing(
            delivered_sequence=row.delivered_sequence,
            last_sequence=row.last_sequence,
            waiting=waits.waiting if waits else 0,
            oldest_waiting_at=waits.oldest if waits else None,
            first_failed_at=waits.failed if waits else None,
            due_at=waits.due if waits else None,
            delivered_at=row.delivered_at,
            gone_at=row.gone_at,
            retry_at=row.retry_at,
            failures=row.failures,
            last_error=row.last_error,
            last_error_at=row.last_error_at,
        )
    return found, connection.execute(select(feed.c.read_at)).scalar()


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
        query = query.where(d.state == state)
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


def redeliver(
    connection: Connection, destination: str, merchant: str, sequence: int, now: int
) -> bool:
    """Let one event be sent again now; return whether it is still kept."""
    d = deliveries.c
    chosen = (d.destination == destination) & (d.sequence == sequence) & _is_of(merchant)
    _lock(connection, destination)
    found = bool(connection.execute(_again(now).where(chosen)).rowcount)
    if found:
        _wake(connection, destination)
    return found


def replay(
    connection: Connection, destination: str, merchant: str, after: int, now: int
) -> Replayed:
    """Let the events after a sequence be sent again, the first MOST_REPLAYED of them."""
    d = deliveries.c
    chosen = (
        select(d.sequence)
        .where(d.destination == destination, d.sequence > after, _is_of(merchant))
        .order_by(d.sequence)
        .limit(MOST_REPLAYED)
    )
    found = list(connection.execute(chosen).scalars())
    if not found:
        return Replayed(0, None)
    until = found[-1]
    past = (d.destination == destination) & (d.sequence > after) & (d.sequence <= until)
    _lock(connection, destination)
    connection.execute(_again(now).where(past, _is_of(merchant)))
    _wake(connection, destination)
    return Replayed(len(found), until)


def _is_of(merchant: str) -> ColumnElement[bool]:
    """Return whether a delivery's event is the merchant's: its name may have been another's."""
    return exists().where(events.c.sequence == deliveries.c.sequence, events.c.merchant == merchant)


def _again(now: int) -> Update:
    d = deliveries.c
    return update(deliveries).values(
        state=State.WAITING.value, next_at=now, replays=d.replays + 1, rest_until=None
    )


def _lock(connection: Connection, destination: str) -> None:
    """Lock it before its deliveries, as who records a round does: neither waits for the other."""
    chosen = select(destinations.c.name).where(destinations.c.name == destination)
    connection.execute(for_update(connection, chosen)).all()


def _wake(connection: Connection, destination: str) -> None:
    connection.execute(
        update(destinations)
        .where(destinations.c.name == destination)
        .values(news=destinations.c.news + 1, gone_at=None, retry_at=0)
    )
