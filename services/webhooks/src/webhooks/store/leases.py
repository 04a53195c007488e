"""Which replica sends to which destination: leases that run out, shared evenly among the living."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from kurs.data.bulk import is_any_of
from kurs.data.database import for_update, insert
from webhooks.store.tables import destinations, workers


class Held(NamedTuple):
    """What a replica holds: by name until when, in microseconds, and how many it has too many."""

    until: Mapping[str, int]
    surplus: int


def share(connection: Connection, owner: str, names: Collection[str], now: int, until: int) -> Held:
    """Keep what is ours until then, take what is free up to our share, and return what we hold.

    What is beyond our share stays ours until `leave`: something may be under way. A lease whose row
    is locked just now, as by who records a round, is not renewed and holds up no other; it is ours
    until it runs out.
    """
    part = -(-len(names) // _living(connection, owner, now, until))
    mine = (destinations.c.owner == owner) & (destinations.c.lease_until >= now)
    free = for_update(connection, select(destinations.c.name).where(mine), skip_locked=True)
    kept = is_any_of(connection, destinations.c.name, list(connection.execute(free).scalars()))
    connection.execute(update(destinations).where(kept).values(lease_until=until))
    held = _held(connection, owner, now)
    missing = part - len(held.keys() & set(names))
    if missing > 0 and (taken := _free(connection, names, now, missing)):
        chosen = is_any_of(connection, destinations.c.name, taken)
        ours = update(destinations).where(chosen).values(owner=owner, lease_until=until)
        connection.execute(ours)
        held = _held(connection, owner, now)
    return Held(held, max(0, -missing))


def news_of(connection: Connection, owner: str) -> Mapping[str, int]:
    """Return the count of news of each destination that is ours."""
    columns = (destinations.c.name, destinations.c.news)
    query = select(*columns).where(destinations.c.owner == owner)
    return {row.name: row.news for row in connection.execute(query)}


def leave(connection: Connection, owner: str, names: Sequence[str], now: int) -> None:
    """Let others have these destinations at once; they were held until `now`."""
    ours = (destinations.c.owner == owner) & is_any_of(connection, destinations.c.name, names)
    connection.execute(update(destinations).where(ours).values(owner=None, lease_until=now - 1))


def depart(connection: Connection, owner: str) -> None:
    """Count among the living no more."""
    connection.execute(delete(workers).where(workers.c.name == owner))


def _living(connection: Connection, owner: str, now: int, until: int) -> int:
    """Note that we live, and return how many do; `until - now` is how long a sign of life holds."""
    note = insert(connection, workers).values(name=owner, seen_at=now)
    seen = {"seen_at": now}
    connection.execute(note.on_conflict_do_update(index_elements=["name"], set_=seen))
    silent = select(workers.c.name).where(workers.c.seen_at < 2 * now - until)
    dead = list(connection.execute(for_update(connection, silent, skip_locked=True)).scalars())
    connection.execute(delete(workers).where(is_any_of(connection, workers.c.name, dead)))
    living = select(func.count()).where(workers.c.seen_at >= 2 * now - until)
    return connection.execute(living).scalar_one()


def _held(connection: Connection, owner: str, now: int) -> dict[str, int]:
    columns = (destinations.c.name, destinations.c.lease_until)
    query = select(*columns).where(destinations.c.owner == owner, destinations.c.lease_until >= now)
    return {row.name: row.lease_until for row in connection.execute(query)}


def _free(connection: Connection, names: Collection[str], now: int, limit: int) -> list[str]:
    known = is_any_of(connection, destinations.c.name, list(names))
    query = (
        select(destinations.c.name)
        .where(known, destinations.c.lease_until < now)
        .order_by(destinations.c.name)
        .limit(limit)
    )
    return list(connection.execute(for_update(connection, query, skip_locked=True)).scalars())
