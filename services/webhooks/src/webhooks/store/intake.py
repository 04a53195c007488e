"""Takes events in: once each, in order, with a delivery for each destination that wants it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from kurs.contracts.payments import FeedAnswer, FeedEvent
from kurs.data.bulk import insert_rows, is_any_of, update_rows
from kurs.data.database import for_update
from webhooks.domain.cursor import Cursor, read_cursor
from webhooks.domain.delivery import State
from webhooks.domain.version import Version
from webhooks.store.tables import deliveries, destinations, events, feed, unread_events
from webhooks.store.unread import note

_ROW = 1
_FEED_COLUMNS = ("id", "sequence", "owner", "lease_until")
_EVENT_COLUMNS = tuple(events.c.keys())
_DELIVERY_COLUMNS = (
    *("destination", "sequence", "payment_id", "previous", "state", "attempts", "replays"),
    *("next_at", "created_at"),
)
_DESTINATION_COLUMNS = (
    "name", "fingerprint", "merchant", "news", "lease_until", "failures", "retry_at"
)  # fmt: skip

Wants = Callable[[FeedEvent], Sequence[str]]
"""Returns the names of the destinations that an event goes to."""
Versions = Callable[[], Mapping[str, Version]]
"""Returns the version of each destination in force, by name."""
_EDITED: Mapping[str, Any] = {
    "gone_at": None, "failures": 0, "failing_since": None, "retry_at": 0
}  # fmt: skip
_OF_ANOTHER: Mapping[str, Any] = {
    "last_sequence": None, "last_error": None, "last_error_at": None, "delivered_sequence": None,
    "delivered_at": None,
}  # fmt: skip


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


def read_position(connection: Connection) -> Cursor | None:
    """Return how far the feed was read; None before the first look."""
    row = connection.execute(select(feed.c.sequence, feed.c.mark)).one()
    return None if row.sequence is None else read_cursor(row.sequence, row.mark)


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


def register(connection: Connection, versions: Mapping[str, Version], now: int) -> None:
    """Know these destinations; one that was edited is sent to again, whatever it said before.

    One whose name was another merchant's begins anew, and tells nothing of what that one got.
    """
    # A lease that has just run out: free, and seen now, so that no replica that does not see its
    # file yet forgets it.
    fresh = [(name, *version, 0, now - 1, 0, 0) for name, version in sorted(versions.items())]
    insert_rows(connection, destinations, _DESTINATION_COLUMNS, fresh, skip_existing=True)
    columns = (destinations.c.name, destinations.c.fingerprint, destinations.c.merchant)
    known = select(*columns).where(is_any_of(connection, columns[0], list(versions)))
    for name, *before in connection.execute(known.order_by(columns[0])).all():
        if (*before,) != versions[name]:
            _renew(connection, name, Version(*before), versions[name], now)


def _renew(connection: Connection, name: str, before: Version, version: Version, now: int) -> None:
    changed: dict[str, Any] = version._asdict()
    edited = version.fingerprint != before.fingerprint
    # A release before this one did not say whose it was.
    is_of_another = before.merchant not in (None, version.merchant)
    if edited or is_of_another:
        changed |= {**_EDITED, "news": destinations.c.news + 1}
    if is_of_another:
        changed |= _OF_ANOTHER
    connection.execute(update(destinations).where(destinations.c.name == name).values(changed))
    if edited:
        d = deliveries.c
        late = (d.destination == name) & (d.state == State.WAITING.value) & (d.next_at > now)
        connection.execute(update(deliveries).where(late).values(next_at=now, rest_until=None))


def take_in(
    connection: Connection,
    owner: str,
    after: int,
    page: FeedAnswer,
    wants: Wants,
    versions: Versions,
    now: int,
) -> bool:
    """Store what a page of the feed brings, and where it ends.

    Returns False, and stores nothing, when another replica has read on meanwhile.
    """
    row = connection.execute(for_update(connection, select(feed))).mappings().one()
    if row["owner"] != owner or row["sequence"] != after:
        return False
    _give_way(connection, after, page.next_after)
    _deliver(connection, page.events, wants, versions, now)
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
) -> bool:
    """Store an event that could not be read at its turn; without it, forget that it was there.

    For a destination it comes after what was sent there so far, and is before what comes next.
    Returns whether it was stored: another replica may read the feed by now.
    """
    row = connection.execute(for_update(connection, select(feed))).mappings().one()
    known = delete(unread_events).where(unread_events.c.sequence == sequence)
    if row["owner"] != owner or not connection.execute(known).rowcount:
        return False
    _deliver(connection, page, wants, versions, now)
    return bool(page)


def _deliver(
    connection: Connection,
    page: Sequence[FeedEvent],
    wants: Wants,
    versions: Versions,
    now: int,
) -> None:
    wanted = [(event, names) for event in page if (names := wants(event))]
    if wanted:
        owners = {name: event.merchant for event, named in wanted for name in named}
        _store(connection, wanted, _last_of(connection, owners, versions, now), now)


def _give_way(connection: Connection, after: int, end: int) -> None:
    """Forget what had these sequences before payments was set back."""
    last = connection.execute(select(func.max(events.c.sequence))).scalar()
    given_way = (deliveries, events) if last is not None and last > after else ()
    if given_way:
        # Before their deliveries, as who records a round does: neither waits for the other.
        every = select(destinations.c.name).order_by(destinations.c.name)
        connection.execute(for_update(connection, every)).all()
    for table in (unread_events, *given_way):
        again = (table.c.sequence > after) & (table.c.sequence <= end)
        connection.execute(delete(table).where(again))


def _last_of(
    connection: Connection, owners: Mapping[str, str], versions: Versions, now: int
) -> dict[str, tuple[int | None, int]]:
    """Lock destinations, by their merchants, and return the last sequence and the news of each.

    One that is not known, or as another's, is registered: it is newer than the last look, or was
    forgotten meanwhile.
    """
    columns = (*(destinations.c[name] for name in ("name", "last_sequence", "news", "merchant")),)
    query = select(*columns).where(is_any_of(connection, columns[0], sorted(owners)))
    locked = for_update(connection, query.order_by(columns[0]))
    found = {row.name: row for row in connection.execute(locked)}
    strange = [
        name
        for name, merchant in owners.items()
        if name not in found or found[name].merchant not in (None, merchant)
    ]
    if strange:
        known, none = versions(), Version("", "")
        owned = {n: known.get(n, none)._replace(merchant=owners[n]) for n in strange}
        register(connection, owned, now)
        found = {row.name: row for row in connection.execute(locked)}
    return {name: (row.last_sequence, row.news) for name, row in found.items()}


def _store(
    connection: Connection,
    wanted: Sequence[tuple[FeedEvent, Sequence[str]]],
    found: Mapping[str, tuple[int | None, int]],
    now: int,
) -> None:
    rows = [(e.sequence, e.id, e.merchant, e.payment_id, e.type, e.at, e.body) for e, _ in wanted]
    insert_rows(connection, events, _EVENT_COLUMNS, rows)
    last: dict[str, int | None] = {name: sequence for name, (sequence, _) in found.items()}
    made: list[Sequence[Any]] = []
    for event, named in wanted:
        for name in named:
            place = (name, event.sequence, event.payment_id, last[name])
            made.append((*place, State.WAITING.value, 0, 0, now, now))
            last[name] = event.sequence
    insert_rows(connection, deliveries, _DELIVERY_COLUMNS, made)
    changed = [(name, last[name], news + 1) for name, (_, news) in sorted(found.items())]
    update_rows(connection, destinations, ("name",), ("last_sequence", "news"), changed)
