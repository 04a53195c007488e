"""What came for a destination while somebody kept its row locked: it takes its place afterwards.

A place is the sequence that was sent there before, which only who has the row locked can tell.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from kurs.data.bulk import is_any_of, update_rows
from kurs.data.database import for_update
from webhooks.domain.delivery import HELD, State
from webhooks.store.known import Last, Versions, last_of
from webhooks.store.tables import deliveries, destinations, events, feed

_AT_ONCE = 1_000
_KEYS = ("destination", "sequence")
_PLACED = ("previous", "state", "next_at")


def take_up(connection: Connection, owner: str, versions: Versions, now: int) -> bool:
    """Give what is held its place, where nobody keeps the row locked; return whether any is left.

    Only who reads the feed does.
    """
    row = connection.execute(for_update(connection, select(feed.c.owner))).one()
    return row.owner != owner or bool(place(connection, versions, now))


def place(connection: Connection, versions: Versions, now: int) -> set[str]:
    """Give what is held its place; return where some is left, and what comes is to be held, too.

    Whoever calls keeps the feed locked.
    """
    holding = _holding(connection)
    if not holding:
        return set()
    found = last_of(connection, holding, versions, now, pass_locked=True)
    _give_places(connection, _held(connection, list(found)), found, now)
    return set(_holding(connection))


def _holding(connection: Connection) -> dict[str, str]:
    """Return for which destinations something is held, with the merchant of what came last."""
    d = deliveries.c
    last = (
        select(events.c.merchant)
        .join(deliveries, events.c.sequence == d.sequence)
        .where(d.destination == destinations.c.name, d.state == HELD)
        .order_by(d.created_at.desc(), d.sequence.desc())
        .limit(1)
        .correlate(destinations)
        .scalar_subquery()
    )
    query = select(destinations.c.name, last.label("merchant"))
    found = connection.execute(query.where(last.is_not(None)))
    return {row.name: row.merchant for row in found}


def _held(connection: Connection, names: list[str]) -> Sequence[RowMapping]:
    d = deliveries.c
    query = (
        select(d.destination, d.sequence)
        .where(is_any_of(connection, d.destination, names), d.state == HELD)
        # As it came: a late event has its place behind those that came before it.
        .order_by(d.destination, d.created_at, d.sequence)
        .limit(_AT_ONCE)
    )
    return connection.execute(query).mappings().all()


def _give_places(
    connection: Connection, rows: Sequence[RowMapping], found: Mapping[str, Last], now: int
) -> None:
    last = {name: each.sequence for name, each in found.items()}
    placed: list[tuple[Any, ...]] = []
    for row in rows:
        name, sequence = row["destination"], row["sequence"]
        placed.append((name, sequence, last[name], State.WAITING.value, now))
        last[name] = sequence
    update_rows(connection, deliveries, _KEYS, _PLACED, placed)
    write_last(connection, last, found)


def write_last(
    connection: Connection, last: Mapping[str, int | None], found: Mapping[str, Last]
) -> None:
    """Write what is last of destinations by now, and that there is more to send."""
    changed = [(name, last[name], each.news + 1) for name, each in sorted(found.items())]
    update_rows(connection, destinations, ("name",), ("last_sequence", "news"), changed)
