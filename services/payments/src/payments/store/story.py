"""The story of one payment: its events, and what was asked of it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, select, tuple_

from kurs.data.bulk import is_any_of
from payments.domain.identity import operation_id
from payments.domain.moves import Kind
from payments.domain.operation import Operation
from payments.store.reads import Found, find_payment
from payments.store.rows import read_operation
from payments.store.tables import events, operations

_MOST = 500
_REFUND = operations.c.kind == Kind.REFUND.value


class Move(NamedTuple):
    """One event of a payment; `at` is in microseconds since the epoch."""

    sequence: int
    from_status: str | None
    to_status: str
    cause: str
    actor: str
    at: int


class Story(NamedTuple):
    """A payment with what happened to it, in order. `refunds` are the oldest ones."""

    found: Found
    moves: Sequence[Move]
    operations: Sequence[Operation]
    refunds: Sequence[Operation]


def read_story(connection: Connection, uid: str, refunds: int) -> Story | None:
    """Return a payment's story with at most so many `refunds`; None if there is none."""
    found = find_payment(connection, uid)
    if found is None:
        return None
    return Story(
        found,
        moves_of(connection, uid),
        _operations_of(connection, uid),
        refunds_of(connection, uid, None, refunds),
    )


def moves_of(connection: Connection, uid: str) -> Sequence[Move]:
    """Return a payment's events, the oldest first; the first 500 of them."""
    columns = [events.c[name] for name in Move._fields]
    query = select(*columns).where(events.c.uid == uid).order_by(events.c.sequence).limit(_MOST)
    return [Move(*row) for row in connection.execute(query)]


def refunds_of(
    connection: Connection, uid: str, after: tuple[int, str] | None, limit: int
) -> Sequence[Operation]:
    """Return refunds of a payment behind `after`, the oldest first."""
    place = (operations.c.created_at, operations.c.operation_id)
    query = select(operations).where(operations.c.uid == uid, _REFUND)
    if after is not None:
        query = query.where(tuple_(*place) > after)
    return _read(connection, query.order_by(*place).limit(limit))


def _operations_of(connection: Connection, uid: str) -> Sequence[Operation]:
    # Each kind but refunds has one at the most, under an id that is known.
    names = [operation_id(kind, uid) for kind in Kind if kind is not Kind.REFUND]
    query = select(operations).where(is_any_of(connection, operations.c.operation_id, names))
    return _read(connection, query.order_by(operations.c.created_at))


def _read(connection: Connection, query: Select[Any]) -> Sequence[Operation]:
    return [read_operation(row) for row in connection.execute(query).mappings()]
