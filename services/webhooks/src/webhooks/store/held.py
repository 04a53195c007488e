"""What came for a destination while somebody kept its row locked: it takes its place afterwards.

A place is the sequence that was sent there before, which only who has the row locked can tell.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

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
    known = versions()
    # Whose it is by now: what is held may be of the one that had its name before.
    owners = {n: known[n].merchant if n in known else last for n, last in holding.items()}
    found = last_of(connection, owners, versions, now, pass_locked=True)
    _give_places(connection, _held(connection, list(found)), owners, found, now)
    return set(_holding(connection))


def come_at(connection: Connection, names: Collection[str], now: int) -> dict[str, int]:
    """Return when what is to be held for these destinations now came: never before what is held
    there, though the clock of the replica that read it was ahead.
    """
    if not names:
        return {}
    d = deliveries.c
    named = is_any_of(connection, d.destination, list(names))
    query = select(d.destination, func.max(d.created_at).label("last"))
    found = connection.execute(query.where(named, d.state == HELD).group_by(d.destination))
    return dict.fromkeys(names, now) | {row.destination: max(now, row.last) for row in found}


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
        select(d.destination, d.sequence, events.c.merchant)
        .join(events, events.c.sequence == d.sequence)
        .where(is_any_of(connection, d.destination, names), d.state == HELD)
        # As it came: a late event has its place behind those that came before it.
        .order_by(d.destination, d.created_at, d.sequence)
        .limit(_AT_ONCE)
    )
    return connection.execute(query).mappings().all()


def _give_places(
    connection: Connection,
    rows: Sequence[RowMapping],
    owners: Mapping[str, str],
    found: Mapping[str, Last],
    now: int,
) -> None:
    """Give each the one before it; what is of none of the `owners` is before nothing of theirs."""
    last = {name: each.sequence for name, each in found.items()}
    placed: list[tuple[Any, ...]] = []
    for row in rows:
        name, sequence = row["destination"], row["sequence"]
        is_theirs = row["merchant"] == owners[name]
        before = last[name] if is_theirs else None
        placed.append((name, sequence, before, State.WAITING.value, now))
        if is_theirs:
            last[name] = sequence
    update_rows(connection, deliveries, _KEYS, _PLACED, placed)
    write_last(connection, last, found)


def write_last(
    connection: Connection, last: Mapping[str, int | None], found: Mapping[str, Last]
) -> None:
    """Write what is last of destinations by now, and that there is more to send."""
    changed = [(name, last[name], each.news + 1) for name, each in sorted(found.items())]
    update_rows(connection, destinations, ("name",), ("last_sequence", "news"), changed)
