"""What figures are stored as: a row a merchant, period and span, and how far events are counted.

Whoever counted moves the cursor by the same transaction, from where he began: of two that count the
same events one comes too late, and adds nothing.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, bindparam, delete, or_, select, tuple_, update

from kurs.data.bulk import any_of, fetch
from kurs.data.database import insert
from kurs.kernel.clock import MICROS
from kurs.quotes.legs import exchange_legs
from payments.domain.figures import SPANS, Corridors, Period, Seen, joined, read_corridors
from payments.domain.moves import Status
from payments.store.events import last_sequence
from payments.store.rows import UNREADABLE
from payments.store.tables import events, figures, figures_cursor

_OUTCOME = events.c.from_status == Status.RECEIVED.value
# A refund that fails leaves it captured.
_CAPTURE = (events.c.to_status == Status.CAPTURED.value) & (
    events.c.from_status != Status.CAPTURED.value
)
_TOLD = (
    select(events.c.sequence, events.c.uid, events.c.at, events.c.from_status, events.c.to_status)
    .where(events.c.sequence > bindparam("after"), events.c.sequence <= bindparam("newest"))
    .where(_OUTCOME | _CAPTURE)
    .order_by(events.c.sequence)
    .limit(bindparam("limit"))
)
_PAID = (
    "SELECT uid, merchant, currency, amount, destination_currency, destination_amount, exchange, "
    "captured_amount, created_at FROM payments WHERE uid "
)
FIRST_COUNTED = 200_000
"""How many are counted of the events that were there before anybody counted."""
_KEY = ("merchant", "period", "currency", "start")
Key = tuple[str, str, str, int]
"""Whose they are, the period, the reference currency, and when the span began, in microseconds."""


class Events(NamedTuple):
    """What some events add, from the cursor (None before the first time) to `until`."""

    cursor: int | None
    until: int
    seen: Sequence[Seen]
    more: bool


def uncounted(connection: Connection, limit: int, after: int | None = None) -> Events:
    """Return what events add that nobody counted yet: the next `limit` outcomes and captures.

    They are those after a sequence, or after the cursor.
    """
    cursor = connection.execute(select(figures_cursor.c.sequence)).scalar()
    newest = last_sequence(connection)
    if after is None:
        after = max(0, newest - FIRST_COUNTED) if cursor is None else cursor
    found = connection.execute(_TOLD, {"after": after, "newest": newest, "limit": limit}).all()
    sql = _PAID + any_of(connection.dialect.name)
    uids = {move.uid for move in found}
    paid = {row.uid: row for row in (fetch(connection, sql, uids) if uids else ())}
    seen = [_seen(move, paid[move.uid]) for move in found if move.uid in paid]
    more = len(found) == limit
    until = found[-1].sequence if more else max(newest, after)
    return Events(cursor, until, [s for s in seen if s is not None], more)


def add_figures(connection: Connection, counted: Events, more: Mapping[Key, Corridors]) -> bool:
    """Add what was counted, unless somebody else did; tell whether it was added."""
    if not _advance(connection, counted):
        return False
    for key in sorted(more):
        stored = _stored(connection, key)
        sums = {name: each.stored() for name, each in joined(stored, more[key]).items()}
        row = insert(connection, figures).values(**dict(zip(_KEY, key, strict=True)), sums=sums)
        changed = row.on_conflict_do_update(index_elements=_KEY, set_={"sums": row.excluded.sums})
        connection.execute(changed)
    return True


def read_figures(
    connection: Connection, merchant: str, period: Period, currency: str, now: int
) -> tuple[Mapping[int, Corridors], int]:
    """Return the spans of the period that ends now, by their starts, and how many events wait."""
    first = SPANS[period].starts(now)[0]
    table = figures.c
    query = select(table.start, table.sums).where(
        table.merchant == merchant, table.period == period.value, table.currency == currency,
        table.start >= first,
    )  # fmt: skip
    spans = {start: read_corridors(sums) for start, sums in connection.execute(query)}
    cursor = connection.execute(select(figures_cursor.c.sequence)).scalar() or 0
    return spans, max(0, last_sequence(connection) - cursor)


def forget_old(connection: Connection, now: int) -> None:
    """Forget spans that no period reaches back to."""
    old = [
        and_(figures.c.period == period.value, figures.c.start < spans.starts(now)[0])
        for period, spans in SPANS.items()
    ]
    connection.execute(delete(figures).where(or_(*old)))


def _advance(connection: Connection, counted: Events) -> bool:
    if counted.cursor is None:
        first = insert(connection, figures_cursor).values(number=1, sequence=counted.until)
        return bool(connection.execute(first.on_conflict_do_nothing()).rowcount)
    moved = update(figures_cursor).where(figures_cursor.c.sequence == counted.cursor)
    return bool(connection.execute(moved.values(sequence=counted.until)).rowcount)


def _stored(connection: Connection, key: Key) -> Corridors:
    query = select(figures.c.sums).where(tuple_(*(figures.c[name] for name in _KEY)) == key)
    found = connection.execute(query).scalar()
    return {} if found is None else read_corridors(found)


def _seen(move: Any, payment: Any) -> Seen | None:
    """Return what an event adds; None if this release cannot read its payment."""
    outcome = move.from_status == Status.RECEIVED
    capture = move.to_status == Status.CAPTURED
    try:
        return Seen(
            merchant=payment.merchant,
            at=move.at,
            currency=payment.currency,
            bought=payment.destination_currency or "",
            seconds=max(0, move.at - payment.created_at) / MICROS if outcome else None,
            failed=move.to_status == Status.FAILED,
            captured=payment.captured_amount if capture else 0,
            spread=_spread(payment) if capture and payment.exchange is not None else 0,
        )
    except UNREADABLE:
        return None


def _spread(payment: Any) -> int:
    """Return what the house took for a conversion, in minor units of what was bought."""
    exchange = payment.exchange
    # As the driver gives it: text on SQLite.
    mid = Decimal((json.loads(exchange) if isinstance(exchange, str) else exchange)["mid"])
    bought = (payment.destination_amount, payment.destination_currency)
    legs = exchange_legs(payment.amount, payment.currency, *bought, mid)
    taken = legs.part(payment.captured_amount)
    return taken.mid - taken.destination
