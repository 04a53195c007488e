"""Pages of the events of all merchants, for webhooks: two statements each, whatever is on them.

Pages are read many times a second beside the payments that they tell of. So their statements are
the driver's own text, and requests, which webhooks never sends, are passed over.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import Connection

from kurs.data.bulk import any_of, fetch
from payments.domain.event_identity import SAID_BY_CAUSE, event_id
from payments.domain.identity import operation_id
from payments.domain.moves import Kind, Status
from payments.store.events import (
    EVENT_ROW,
    LOOKED_AT,
    AnyEvent,
    EventRow,
    event_ids,
    last_sequence,
    read_events,
)

_MAX_BYTES = 1_000_000
"""A bound on the first answers of one page."""
_CAUSES = ", ".join(f"'{cause}'" for cause in sorted(SAID_BY_CAUSE))
OPERATION = (
    f"COALESCE(operation_id, CASE WHEN from_status = '{Status.RECEIVED}' "
    f"THEN '{operation_id(Kind.PAY, '')}' || uid "
    f"WHEN cause IN ({_CAUSES}) THEN cause || ':' || uid END)"
)
"""The operation of an event that is no request: what `told_operation` says, in SQL."""

# Few operations are sampled and have a trace of their own; the payment itself is not read for it.
_TRACE_ID = (
    "COALESCE(substr(traceparent, 4, 32), (SELECT trace_id FROM payments WHERE uid = e.uid))"
)


class FeedPage(NamedTuple):
    """Some events, the sequence to go on after, and whether there is more by now.

    `after_id` and `next_id` are the ids of the events at the sequence that was asked for and at
    `next_after`, empty where there is none, None where nobody asks. `newest` is the newest sequence
    where nothing comes after the one that was asked for, else None.
    """

    items: Sequence[AnyEvent]
    next_after: int
    has_more: bool
    after_id: str | None
    next_id: str
    newest: int | None = None


def feed_page(
    connection: Connection, sequence: int, limit: int, wanted_by: Collection[str] | None
) -> FeedPage:
    """Return events of all merchants after `sequence`, oldest first, but no requests.

    With `wanted_by` only those of these merchants. At most LOOKED_AT are looked at: a page may then
    be short, or empty, and more come after its end. What is passed over costs next to nothing.
    """
    ids = _ends(connection, sequence, wanted_by)
    end = max(ids, default=0)
    if end <= sequence:
        newest = end or last_sequence(connection)
        there = ids.get(sequence, "")
        return FeedPage([], sequence, False, there, there, newest)
    found = _found(connection, sequence, end, limit, wanted_by)
    rows = _bounded(found)
    more = wanted_by != [] and end - sequence >= LOOKED_AT
    if len(rows) == limit or len(rows) < len(found):
        last, more = rows[-1], True
        end = last.sequence
        ids[end] = event_id(last.uid, end, last.to_status, last.cause, last.at)
    items = read_events(connection, rows)
    return FeedPage(items, end, more, ids.get(sequence, ""), ids[end])


def _ends(
    connection: Connection, sequence: int, wanted_by: Collection[str] | None
) -> dict[int, str]:
    """Return the ids of the event at a sequence, if it is there, and of the last to look at."""
    if wanted_by == []:
        # All is passed over at once.
        return dict(event_ids(connection, {sequence, last_sequence(connection)}))
    found = fetch(connection, _ends_sql(connection.dialect.name), sequence, sequence, LOOKED_AT)
    return {row.sequence: event_id(*row) for row in found}


def _found(
    connection: Connection,
    sequence: int,
    end: int,
    limit: int,
    wanted_by: Collection[str] | None,
) -> Sequence[EventRow]:
    if wanted_by == []:
        return ()
    values: list[int | Collection[str]] = [sequence, end, limit]
    if wanted_by is not None:
        values.insert(2, wanted_by)
    sql = _rows_sql(connection.dialect.name, wanted_by is None)
    return [EventRow._make(row) for row in fetch(connection, sql, *values)]


def _bounded(found: Sequence[EventRow]) -> Sequence[EventRow]:
    """Return as many rows, at least the first, as one page may hold."""
    left = _MAX_BYTES
    for number, row in enumerate(found):
        left -= len(row.answer or b"")
        if left < 0:
            return found[: max(1, number)]
    return found


@lru_cache
def _ends_sql(dialect: str) -> str:
    at, after, looked_at = _marks(dialect, 3)
    return (
        "SELECT uid, sequence, to_status, cause, at FROM payment_events "  # noqa: S608
        f"WHERE sequence IN ({at}, (SELECT max(sequence) FROM (SELECT sequence FROM payment_events "
        f"WHERE sequence > {after} ORDER BY sequence LIMIT {looked_at}) AS ahead))"
    )


@lru_cache
def _rows_sql(dialect: str, all_merchants: bool) -> str:
    after, end, *wanted, limit = _marks(dialect, 3 if all_merchants else 4)
    of_these = f"AND merchant {any_of(dialect, 3)} " if wanted else ""
    columns = ", ".join(EVENT_ROW)
    return (
        f"SELECT {', '.join(f'e.{name}' for name in EVENT_ROW)}, answer, {_TRACE_ID} "  # noqa: S608
        f"FROM (SELECT {columns}, {OPERATION} AS told_by FROM payment_events "
        f"WHERE sequence > {after} AND sequence <= {end} AND from_status IS NOT NULL {of_these}"
        f"ORDER BY sequence LIMIT {limit}) AS e "
        "LEFT JOIN operations AS o ON o.operation_id = told_by ORDER BY sequence"
    )


def _marks(dialect: str, count: int) -> Sequence[str]:
    """Return the driver's parameters in their order."""
    return ["?" if dialect == "sqlite" else f"${number}" for number in range(1, count + 1)]
