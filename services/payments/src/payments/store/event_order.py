"""Which events tell of what happened, and their places, in the transaction of what they tell of.

They become visible in the order of their sequence, or later.

A reader that resumes after the last event it saw would miss a smaller number that is committed
after it. So whoever appends holds one lock until its commit. A backend that hangs in its commit may
keep that lock: then events are put aside, in the transaction that they tell of, and get their
places when the lock is free. Payments do not wait for that; readers see those events later.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Connection, any_, delete, exists, literal, select, text
from sqlalchemy.exc import DBAPIError

from kurs.data.bulk import Write, insert_rows, inserting
from kurs.data.failures import Trouble, trouble_of
from payments.domain.event_identity import told_operation
from payments.domain.moves import Kind
from payments.domain.operation import Operation
from payments.store.ops import Claim, Finish
from payments.store.tables import EVENT_COLUMNS, events, late_events

_AT_ONCE = 2_000
_TURN = """SELECT pg_try_advisory_xact_lock(7236) AS locked,
    EXISTS (SELECT 1 FROM late_events) AS late"""
_LOCK = text("SELECT pg_advisory_xact_lock(7236)")
_TRY = select(text("pg_try_advisory_xact_lock(7236)"), exists(select(late_events.c.number)))
_ANY_LATE = select(exists(select(late_events.c.number)))
_OLDEST = select(late_events.c.at).order_by(late_events.c.number).limit(1)


def event_rows(created: Sequence[Claim], finishes: Sequence[Finish]) -> list[Sequence[Any]]:
    """Return an event for each new payment, each move and each refund that failed."""
    rows = [_request_row(claim) for claim in created]
    return rows + [_outcome_row(f) for f in finishes if _is_event(f)]


def _request_row(claim: Claim) -> Sequence[Any]:
    payment, operation = claim.payment, claim.operation
    begun = (None, str(payment.status), "requested", operation.actor, payment.created_at)
    named = (_untold(operation, None, "requested"), payment.destination_currency)
    return (payment.uid, payment.merchant, *begun, *named)


def _is_event(finish: Finish) -> bool:
    return finish.operation.kind == Kind.REFUND or finish.after.status != finish.before.status


def _outcome_row(finish: Finish) -> Sequence[Any]:
    before, after, operation = finish.before, finish.after, finish.operation
    moved = (str(before.status), str(after.status), finish.cause, operation.actor)
    # A refund that fails changes no payment: it is dated by when it was asked for.
    at = max(after.updated_at, operation.created_at)
    named = _untold(operation, str(before.status), finish.cause)
    return (after.uid, after.merchant, *moved, at, named, None)


def _untold(operation: Operation, before: str | None, cause: str) -> str | None:
    """Return the operation's id unless the rest of its event tells it."""
    own = operation.operation_id
    return None if told_operation(operation.uid, before, cause) == own else own


def appending(connection: Connection, rows: Sequence[Sequence[Any]]) -> Write:
    """Return the write that appends events (in the order of EVENT_COLUMNS) if it is their turn.

    If it is not, none is written, and `append_events` is for them.
    """
    write = inserting(connection, events, EVENT_COLUMNS, rows)
    if connection.dialect.name == "sqlite":
        return write
    # Their numbers are drawn once it is their turn: it is looked at before the first row.
    in_turn = " WHERE (SELECT locked AND NOT late FROM turn)"
    return write._replace(sql=write.sql + in_turn, before=(("turn", _TURN),))


def append_events(connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
    """Append events (in the order of EVENT_COLUMNS), or put them aside until their turn."""
    if connection.dialect.name == "sqlite":
        insert_rows(connection, events, EVENT_COLUMNS, rows)
        return
    locked, late = connection.execute(_TRY).one()
    if not locked and not late and _waited(connection):
        locked, late = True, bool(connection.execute(_ANY_LATE).scalar())
    # An event that is late comes before a later one of the same payment.
    in_turn = locked and (not late or _append_late(connection))
    insert_rows(connection, events if in_turn else late_events, EVENT_COLUMNS, rows)


def append_late_events(connection: Connection) -> int | None:
    """Append what was put aside, if there is some and its turn has come.

    Returns when the oldest happened that still waits, in microseconds, None without any.
    """
    if connection.dialect.name != "postgresql" or not connection.execute(_ANY_LATE).scalar():
        return None
    locked, _ = connection.execute(_TRY).one()
    if locked:
        _append_late(connection)
    return connection.execute(_OLDEST).scalar()


def _waited(connection: Connection) -> bool:
    """Wait for the lock as long as for any; tell whether it came."""
    try:
        with connection.begin_nested():
            connection.execute(_LOCK)
    except DBAPIError as error:
        if trouble_of(error) is not Trouble.BLOCKED:
            raise
        return False
    return True


def _append_late(connection: Connection) -> bool:
    """Append what is late, the oldest first, under the lock; tell whether that was all."""
    query = select(late_events).order_by(late_events.c.number).limit(_AT_ONCE)
    found = connection.execute(query).all()
    rows = [tuple(getattr(row, name) for name in EVENT_COLUMNS) for row in found]
    insert_rows(connection, events, EVENT_COLUMNS, rows)
    if found:
        # A smaller number may have been committed since: it was not read, and stays.
        read = any_(literal([row.number for row in found], ARRAY(BigInteger)))
        connection.execute(delete(late_events).where(late_events.c.number == read))
    return len(found) < _AT_ONCE
