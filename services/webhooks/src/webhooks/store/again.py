"""What a person asks for again: one delivery, or what came after a sequence."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Update, exists, func, select, update

from kurs.data.database import for_update
from webhooks.domain.delivery import State
from webhooks.store.tables import deliveries, destinations, events

MOST_REPLAYED = 10_000
"""Events that one replay sends again."""


class Replayed(NamedTuple):
    """How many are sent again, and the last sequence of these, None for none.

    `is_other` says that these were asked for before, and are not all taken.
    """

    events: int
    until: int | None
    is_other: bool = False


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
    """Let the events after a sequence be sent again, the first MOST_REPLAYED of them.

    One replay at a time: of another that is not over it returns what that sends, and changes
    nothing.
    """
    d = deliveries.c
    under_way = _under_way(connection, destination, merchant)
    if under_way is not None:
        return under_way
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
    connection.execute(_again(now).where(past, _is_of(merchant)))
    _wake(connection, destination, replay_after=after, replay_until=until)
    return Replayed(len(found), until)


def _under_way(connection: Connection, destination: str, merchant: str) -> Replayed | None:
    """Lock a destination, and return the replay that still sends there; None if there is none."""
    columns = (*(destinations.c[name] for name in ("replay_after", "replay_until", "gone_at")),)
    ours = (destinations.c.name == destination) & (destinations.c.merchant == merchant)
    row = connection.execute(for_update(connection, select(*columns).where(ours))).first()
    # One that ended it by 410 may be sent to again by another.
    if row is None or row.replay_until is None or row.gone_at is not None:
        return None
    d = deliveries.c
    waits = (d.state == State.WAITING.value) & (d.replays > 0)
    within = (d.sequence > row.replay_after) & (d.sequence <= row.replay_until)
    left = select(func.count()).where(d.destination == destination, waits, within)
    count = connection.execute(left).scalar_one()
    return Replayed(count, row.replay_until, is_other=True) if count else None


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


def _wake(connection: Connection, destination: str, **more: int) -> None:
    connection.execute(
        update(destinations)
        .where(destinations.c.name == destination)
        .values(news=destinations.c.news + 1, gone_at=None, retry_at=0, **more)
    )
