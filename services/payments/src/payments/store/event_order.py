"""Gives events their places: they become visible in the order of their sequence, or later.

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
from payments.store.tables import EVENT_COLUMNS, events, late_events

_AT_ONCE = 2_000
_TURN = """SELECT pg_try_advisory_xact_lock(7236) AS locked,
    EXISTS (SELECT 1 FROM late_events) AS late"""
_LOCK = text("SELECT pg_advisory_xact_lock(7236)")
_TRY = select(text("pg_try_advisory_xact_lock(7236)"), exists(select(late_events.c.number)))
_ANY_LATE = select(exists(select(late_events.c.number)))
_OLDEST = select(late_events.c.at).order_by(late_events.c.number).limit(1)


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
