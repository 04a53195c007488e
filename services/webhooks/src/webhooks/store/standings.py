"""How destinations do: a few looks by index for each, however much waits."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Label, Select, exists, func, literal, or_, select

from kurs.data.bulk import is_any_of
from webhooks.domain.delivery import HELD, State
from webhooks.domain.health import MOST_COUNTED, Standing
from webhooks.store.tables import deliveries, destinations, events, feed

_STORED = (
    "delivered_sequence", "last_sequence", "delivered_at", "gone_at", "retry_at", "failures",
    "last_error", "last_error_at",
)  # fmt: skip


def standings(
    connection: Connection, merchants: Mapping[str, str]
) -> tuple[Mapping[str, Standing], int | None]:
    """Return how these destinations do, each with its merchant, and when the feed was read last.

    One that nothing is known of yet, or as another's, is left out.
    """
    d = deliveries.c
    looks = (
        _count(State.WAITING.value, "waiting"),
        _count(HELD, "held"),
        _first(d.created_at, "held_since", HELD),
        _first(d.created_at, "oldest_waiting_at"),
        _first(d.failed_at, "first_failed_at"),
        _first(d.next_at, "due_at"),
    )
    named = is_any_of(connection, destinations.c.name, list(merchants))
    stored = (destinations.c[name] for name in ("name", "merchant", *_STORED))
    found = {}
    for row in connection.execute(select(*stored, *looks).where(named)).mappings():
        values = dict(row)
        name, merchant = values.pop("name"), values.pop("merchant")
        # A release before this one did not say whose it was.
        if merchant in (None, merchants[name]):
            found[name] = _standing(**values)
    return found, connection.execute(select(feed.c.read_at)).scalar()


def _standing(*, held: int, held_since: int | None, **values: Any) -> Standing:
    """Return a standing to which what is held (held.py) waits, and is due, like all else."""
    waiting = min(values.pop("waiting") + held, MOST_COUNTED + 1)
    if held_since is not None:
        for name in ("oldest_waiting_at", "due_at"):
            values[name] = min(values[name] or held_since, held_since)
    return Standing(waiting=waiting, **values)


def _backlog(column: Any, state: str) -> Select[Any]:
    """Select from what waits at the destination of the query around: its merchant's own."""
    owner = destinations.c.merchant
    theirs = exists().where(
        events.c.sequence == deliveries.c.sequence,
        or_(owner.is_(None), events.c.merchant == owner),
    )
    waits = deliveries.c.state == state
    chosen = select(column).where(deliveries.c.destination == destinations.c.name, waits, theirs)
    return chosen.correlate(destinations)


def _count(state: str, name: str) -> Label[Any]:
    counted = _backlog(literal(1), state).limit(MOST_COUNTED + 1).subquery()
    return select(func.count()).select_from(counted).scalar_subquery().label(name)


def _first(column: Any, name: str, state: str = State.WAITING.value) -> Label[Any]:
    """Select the least there, by the column's index."""
    chosen = _backlog(column, state).where(column.is_not(None)).order_by(column).limit(1)
    return chosen.scalar_subquery().label(name)
