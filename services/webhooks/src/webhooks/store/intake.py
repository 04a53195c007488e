"""Takes events in: once each, in order, with a delivery for each destination that wants it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, exists, func, select, update

from kurs.contracts.payments import FeedAnswer, FeedEvent
from kurs.data.bulk import insert_rows
from kurs.data.database import for_update
from webhooks.domain.cursor import Cursor, read_cursor
from webhooks.domain.delivery import HELD, State
from webhooks.store import held
from webhooks.store.known import Last, Versions, last_of
from webhooks.store.tables import deliveries, destinations, events, feed, unread_events
from webhooks.store.unread import note

_ROW = 1
_FEED_COLUMNS = ("id", "sequence", "owner", "lease_until")
_EVENT_COLUMNS = tuple(events.c.keys())
_DELIVERY_COLUMNS = (
    *("destination", "sequence", "payment_id", "previous", "state", "attempts", "replays"),
    *("next_at", "created_at"),
)
Wants = Callable[[FeedEvent], Sequence[str]]
"""Returns the names of the destinations that an event goes to."""


class Position(NamedTuple):
    """How far the feed was read, None before the first look; and whether anything is held."""

    cursor: Cursor | None
    any_held: bool


def take_feed(
    connection: Connection, owner: str, now: int, until: int, read_at: int | None
) -> bool:
    """Take or keep the reading of the feed until then; return whether it is ours.

    `read_at` is when we read it last, None before the first time.
    """
    insert_rows(connection, feed, _FEED_COLUMNS, [(_ROW, None, None, 0)], skip_existing=True)
    free = (feed.c.owner == owner) | (feed.c.lease_until < now)
    seen = feed.c.read_at if read_at is None else read_at
    taken = update(feed).where(free).values(owner=owner, lease_until=until, read_at=seen)
    return bool(connection.execute(taken).rowcount)


def leave_feed(connection: Connection, owner: str) -> None:
    """Let others read the feed at once."""
    connection.execute(update(feed).where(feed.c.owner == owner).values(lease_until=0))


def read_position(connection: Connection) -> Position:
    """Return how far the feed was read."""
    any_held = exists().where(deliveries.c.state == HELD).label("any_held")
    row = connection.execute(select(feed.c.sequence, feed.c.mark, any_held)).one()
    cursor = None if row.sequence is None else read_cursor(row.sequence, row.mark)
    return Position(cursor, bool(row.any_held))


def begin_at(connection: Connection, owner: str, start: Cursor) -> None:
    """Begin to read there, unless somebody has begun."""
    first = feed.c.sequence.is_(None) & (feed.c.owner == owner)
    moved = update(feed).where(first).values(sequence=start.sequence, mark=start.mark)
    connection.execute(moved)


def go_on_from(connection: Connection, owner: str, after: int, place: Cursor) -> None:
    """Read on from there and no more from `after`, unless somebody else does by now."""
    ours = (feed.c.owner == owner) & (feed.c.sequence == after)
    moved = update(feed).where(ours).values(sequence=place.sequence, mark=place.mark)
    connection.execute(moved)


def middle(connection: Connection, after: int, before: int) -> Cursor | None:
    """Return an event that is kept between two sequences, near the middle; None without any."""
    columns, sequence = (events.c.sequence, events.c.event_id), events.c.sequence
    half = (after + before) // 2
    lower = select(*columns).where(sequence > after, sequence <= half).order_by(sequence.desc())
    upper = select(*columns).where(sequence > half, sequence < before).order_by(sequence)
    for query in (lower, upper):
        row = connection.execute(query.limit(1)).first()
        if row is not None:
            return Cursor(row.sequence, row.event_id)
    return None


def take_in(
    connection: Connection,
    owner: str,
    after: int,
    page: FeedAnswer,
    wants: Wants,
    versions: Versions,
    now: int,
    *,
    pass_locked: bool = False,
) -> bool:
    """Store what a page of the feed brings, and where it ends.

    Returns False, and stores nothing, when another replica has read on meanwhile. With
    `pass_locked` what is for a destination whose row is locked is held (held.py).
    """
    row = connection.execute(for_update(connection, select(feed))).mappings().one()
    if row["owner"] != owner or row["sequence"] != after:
        return False
    _give_way(connection, after, page.next_after, pass_locked)
    _deliver(connection, page.events, wants, versions, now, pass_locked)
    note(connection, page.unreadable, now)
    read = Cursor(page.next_after, page.next_id)
    connection.execute(update(feed).values(sequence=read.sequence, mark=read.mark))
    return True


def take_late(
    connection: Connection,
    owner: str,
    sequence: int,
    page: Sequence[FeedEvent],
    wants: Wants,
    versions: Versions,
    now: int,
    *,
    pass_locked: bool = False,
) -> bool:
    """Store an event that could not be read at its turn; without it, forget that it was there.

    For a destination it comes after what was sent there so far, and is before what comes next.
    Returns whether it was stored: another replica may read the feed by now.
    """
    row = connection.execute(for_update(connection, select(feed))).mappings().one()
    known = delete(unread_events).where(unread_events.c.sequence == sequence)
    if row["owner"] != owner or not connection.execute(known).rowcount:
        return False
    _deliver(connection, page, wants, versions, now, pass_locked)
    return bool(page)


def _deliver(
    connection: Connection,
    page: Sequence[FeedEvent],
    wants: Wants,
    versions: Versions,
    now: int,
    pass_locked: bool,
) -> None:
    wanted = [(event, names) for event in page if (names := wants(event))]
    if not wanted:
        return
    late = held.place(connection, versions, now)
    owners = {name: event.merchant for event, named in wanted for name in named}
    free = {name: merchant for name, merchant in owners.items() if name not in late}
    found = last_of(connection, free, versions, now, pass_locked=pass_locked)
    _store(connection, wanted, found, now)


def _give_way(connection: Connection, after: int, end: int, pass_locked: bool) -> None:
    """Forget what had these sequences before payments was set back."""
    last = connection.execute(select(func.max(events.c.sequence))).scalar()
    given_way = (deliveries, events) if last is not None and last > after else ()
    if given_way:
        # Before their deliveries, as who records a round does: neither waits for the other.
        every = select(destinations.c.name).order_by(destinations.c.name)
        connection.execute(for_update(connection, every, skip_locked=pass_locked)).all()
    for table in (unread_events, *given_way):
        again = (table.c.sequence > after) & (table.c.sequence <= end)
        connection.execute(delete(table).where(again))


def _store(
    connection: Connection,
    wanted: Sequence[tuple[FeedEvent, Sequence[str]]],
    found: Mapping[str, Last],
    now: int,
) -> None:
    """Store events, with a delivery for each that is wanted: held where nothing was found."""
    rows = [(e.sequence, e.id, e.merchant, e.payment_id, e.type, e.at, e.body) for e, _ in wanted]
    insert_rows(connection, events, _EVENT_COLUMNS, rows)
    last: dict[str, int | None] = dict.fromkeys(name for _, named in wanted for name in named)
    last |= {name: each.sequence for name, each in found.items()}
    came = held.come_at(connection, last.keys() - found.keys(), now)
    made: list[Sequence[Any]] = []
    for event, named in wanted:
        for name in named:
            is_placed = name in found
            place = (name, event.sequence, event.payment_id, last[name])
            state = State.WAITING.value if is_placed else HELD
            made.append((*place, state, 0, 0, now, came.get(name, now)))
            if is_placed:
                last[name] = event.sequence
    insert_rows(connection, deliveries, _DELIVERY_COLUMNS, made)
    held.write_last(connection, last, found)
