"""What is due at a destination, in the order of each payment, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select, update

from kurs.data.bulk import is_any_of, update_rows
from kurs.data.database import for_update
from kurs.kernel.clock import MICROS
from webhooks.domain.backoff import MANY
from webhooks.domain.delivery import OF_NO_EVENT, Delivery, State
from webhooks.domain.health import Health, Tried
from webhooks.store.tables import deliveries, destinations, events

# Of one that somebody asked for again meanwhile, or that gave way to another event of its sequence
# since payments was set back, nothing is recorded: it is sent.
_KEYS = ("destination", "sequence", "replays", "created_at")
_TRIED = (
    "state", "attempts", "next_at", "failed_at", "tried_at", "status", "error", "answer",
    "delivered_at", "rest_until",
)  # fmt: skip
_CHANGED = (
    "failures", "failing_since", "retry_at", "gone_at", "last_error", "last_error_at",
    "delivered_sequence", "delivered_at",
)  # fmt: skip


class Due(NamedTuple):
    """What may be sent now; else when to look again, None when nothing waits."""

    health: Health
    items: Sequence[Delivery]
    look_at: int | None


@dataclass(frozen=True, slots=True)
class Round:
    """What one round at a destination brought, and how the destination does after it.

    `fingerprint` is of the destination that it was sent to.
    """

    destination: str
    owner: str
    fingerprint: str
    tried: Sequence[Tried]
    before: Health
    after: Health


def due(connection: Connection, destination: str, merchant: str, now: int, limit: int) -> Due:
    """Return up to `limit` deliveries that are due, of each payment only the first that waits.

    Events of another merchant, whose destination had this name before, are never among them. A
    probe is of one that was never tried, if there is any: it may be taken where others are not.
    """
    columns = [destinations.c[name] for name in Health._fields]
    row = connection.execute(select(*columns).where(destinations.c.name == destination)).one()
    health = Health(*row)
    if health.gone_at is not None:
        return Due(health, (), None)
    if health.retry_at > now:
        return Due(health, (), health.retry_at)
    chosen = partial(_items, connection, destination, merchant, now)
    items = (
        (chosen(1, deliveries.c.attempts == 0) or chosen(1)) if health.is_probed else chosen(limit)
    )
    return Due(health, items, None if items else _first(connection, destination, merchant))


def record(connection: Connection, rounds: Sequence[Round]) -> list[bool]:
    """Store what rounds brought; False for one whose destination is another replica's by now."""
    names = sorted({each.destination for each in rounds})
    query = select(destinations.c.name, destinations.c.owner, destinations.c.fingerprint)
    chosen = query.where(is_any_of(connection, destinations.c.name, names))
    locked = for_update(connection, chosen.order_by(destinations.c.name))
    stored = {row.name: (row.owner, row.fingerprint) for row in connection.execute(locked)}
    ours = [r for r in rounds if stored.get(r.destination, (None, ""))[0] == r.owner]
    tried = [_tried(t) for each in ours for t in each.tried]
    update_rows(connection, deliveries, _KEYS, _TRIED, tried)
    # How one does that was edited meanwhile, or that we see otherwise, is not known yet.
    current = [r for r in ours if stored[r.destination][1] == r.fingerprint]
    health = [(each.destination, *each.after) for each in current]
    update_rows(connection, destinations, ("name",), _CHANGED, health)
    for each in ours:
        if each.before.failures >= MANY and each.after.failures == 0:
            _hurry(connection, each.destination, each.before.failing_since or 0, each.tried[0].at)
    kept = set(map(id, ours))
    return [id(each) in kept for each in rounds]


def _next_of_payments(destination: str, merchant: str) -> ColumnElement[bool]:
    """Return what holds for the first delivery of each payment that waits; joins events."""
    earlier, theirs, d = deliveries.alias(), events.alias(), deliveries.c
    blocked = exists().where(
        and_(
            earlier.c.destination == destination,
            earlier.c.payment_id == d.payment_id,
            earlier.c.state == State.WAITING.value,
            earlier.c.sequence < d.sequence,
            # Another merchant, whose destination it was, may have called a payment the same.
            theirs.c.sequence == earlier.c.sequence,
            theirs.c.merchant == merchant,
        )
    )
    waiting = and_(d.destination == destination, d.state == State.WAITING.value, ~blocked)
    return and_(waiting, events.c.sequence == d.sequence, events.c.merchant == merchant)


def _items(
    connection: Connection,
    destination: str,
    merchant: str,
    now: int,
    limit: int,
    *only: ColumnElement[bool],
) -> list[Delivery]:
    d = deliveries.c
    query = (
        select(d.sequence, d.previous, d.payment_id, d.attempts, d.replays, d.failed_at)
        .add_columns(d.created_at, events.c.event_id, events.c.body, events.c.at)
        .where(_next_of_payments(destination, merchant), d.next_at <= now, *only)
        .order_by(d.next_at, d.sequence)
        .limit(limit)
    )
    return [
        Delivery(
            destination=destination,
            sequence=row.sequence,
            previous=row.previous,
            event_id=row.event_id,
            payment_id=row.payment_id,
            event=row.body,
            happened_at=row.at,
            attempts=row.attempts,
            replays=row.replays,
            failed_at=row.failed_at,
            created_at=row.created_at,
        )
        for row in connection.execute(query)
    ]


def _first(connection: Connection, destination: str, merchant: str) -> int | None:
    candidates = _next_of_payments(destination, merchant)
    return connection.execute(select(func.min(deliveries.c.next_at)).where(candidates)).scalar()


def _hurry(connection: Connection, destination: str, since: int, now: int) -> None:
    """Let what failed while nothing got through, since then, not wait for its turn of hours.

    What the receiver had refused itself before keeps its turn, and what it wants to rest rests.
    """
    d = deliveries.c
    late = (d.destination == destination) & (d.state == State.WAITING.value) & (d.next_at > now)
    of_event = d.status.between(400, 499) & d.status.not_in(sorted(OF_NO_EVENT))
    theirs = or_(d.failed_at >= since, d.status.is_(None), ~of_event)
    at = case((d.rest_until > now, d.rest_until), else_=now)
    connection.execute(update(deliveries).where(late, theirs).values(next_at=at))


def _tried(tried: Tried) -> tuple[object, ...]:
    delivery, attempt = tried.delivery, tried.attempt
    state = State.DELIVERED if attempt.taken else State.WAITING
    return (
        delivery.destination,
        delivery.sequence,
        delivery.replays,
        delivery.created_at,
        state.value,
        delivery.attempts + 1,
        tried.next_at,
        None if attempt.taken else delivery.failed_at or tried.at,
        tried.at,
        attempt.status,
        attempt.reason,
        attempt.answer or None,
        tried.at if attempt.taken else None,
        None if attempt.retry_after is None else tried.at + round(attempt.retry_after * MICROS),
    )
