"""What a person asks for again: one delivery, or what came after a sequence."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Update, exists, or_, select, update

from kurs.data.database import for_update
from webhooks.domain.delivery import HELD, State
from webhooks.store.tables import deliveries, destinations, events

MOST_REPLAYED = 10_000
"""Events that one replay sends again."""


class Replayed(NamedTuple):
    """How many are sent, and the last sequence of these, None for none."""

    events: int
    until: int | None


def redeliver(
    connection: Connection, destination: str, merchant: str, sequence: int, now: int
) -> bool:
    """Let one event be sent again now; return whether it is still kept."""
    d = deliveries.c
    chosen = (d.destination == destination) & (d.sequence == sequence) & _is_of(merchant)
    _lock(connection, destination)
    found = connection.execute(select(d.state).where(chosen)).scalar()
    if found is None:
        return False
    # What is held is sent anyway, and not before it has its place.
    if found != HELD:
        connection.execute(_again(now).where(chosen))
        _wake(connection, destination)
    return True


def replay(
    connection: Connection, destination: str, merchant: str, after: int, now: int
) -> Replayed:
    """Let the events after a sequence be sent again, the first MOST_REPLAYED of them.

    Those whose turn it is anyway are left as they are, so that who asks again and again, while
    nothing is taken, writes nothing anew.
    """
    d = deliveries.c
    _lock(connection, destination)
    chosen = (
        select(d.sequence)
        .where(d.destination == destination, d.sequence > after, _is_of(merchant))
        .order_by(d.sequence)
        .limit(MOST_REPLAYED)
    )
    found = list(connection.execute(chosen).scalars())
    if not found:
        return Replayed(0, None)
    past = (d.destination == destination) & (d.sequence > after) & (d.sequence <= found[-1])
    rests = or_(d.state != State.WAITING.value, d.next_at > now, d.rest_until > now)
    connection.execute(_again(now).where(past, d.state != HELD, rests, _is_of(merchant)))
    _wake(connection, destination)
    return Replayed(len(found), found[-1])


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
