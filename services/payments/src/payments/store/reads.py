"""The reads of payments: one, a page, the events after a sequence, and what is overdue."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, Select, func, or_, select, tuple_

from payments.domain.operation import Operation
from payments.domain.payment import Payment, Status
from payments.errors import CursorInvalid
from payments.store.tables import events, operations, payments, read_operation, read_payment

# A bound on the events that one search for captures reads.
_LOOKED_AT = 50_000


@dataclass(frozen=True, slots=True)
class Event:
    """One move of a payment, with the payment as it is now."""

    sequence: int
    from_status: str | None
    to_status: str
    cause: str
    actor: str
    at: int
    payment: Payment


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of payments is narrowed to; `cursor` comes from the page before."""

    merchant: str
    status: Status | None = None
    account: str | None = None
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Some payments, newest first, and where the next page begins."""

    items: Sequence[Payment]
    next_cursor: str | None


def find_payment(connection: Connection, uid: str) -> Payment | None:
    """Return a payment by its id, None if there is none."""
    row = connection.execute(select(payments).where(payments.c.uid == uid)).mappings().first()
    return None if row is None else read_payment(row)


def find_operation(connection: Connection, operation_id: str) -> Operation | None:
    """Return an operation by its id, None if there is none."""
    query = select(operations).where(operations.c.operation_id == operation_id)
    row = connection.execute(query).mappings().first()
    return None if row is None else read_operation(row)


def list_payments(connection: Connection, wanted: Filter) -> Page:
    """Return a page of payments; raises CursorInvalid."""
    query = select(payments).where(payments.c.merchant == wanted.merchant)
    if wanted.status is not None:
        query = query.where(payments.c.status == wanted.status.value)
    if wanted.account is not None:
        sides = (payments.c.source_account, payments.c.destination_account)
        query = query.where(or_(*(side == wanted.account for side in sides)))
    order = (payments.c.created_at, payments.c.uid)
    if wanted.cursor is not None:
        query = query.where(tuple_(*order) < _read_cursor(wanted.cursor))
    query = query.order_by(*(column.desc() for column in order)).limit(wanted.limit + 1)
    found = [read_payment(row) for row in connection.execute(query).mappings()]
    more = len(found) > wanted.limit
    items = found[: wanted.limit]
    return Page(items, _write_cursor(items[-1]) if more else None)


def events_after(
    connection: Connection, merchant: str, sequence: int, limit: int
) -> Sequence[Event]:
    """Return the merchant's events after `sequence`, oldest first."""
    query = (
        select(events, *(c.label(f"payment_{c.name}") for c in payments.c))
        .join(payments, payments.c.uid == events.c.uid)
        .where(events.c.merchant == merchant, events.c.sequence > sequence)
        .order_by(events.c.sequence)
        .limit(limit)
    )
    return [
        Event(
            sequence=row["sequence"],
            from_status=row["from_status"],
            to_status=row["to_status"],
            cause=row["cause"],
            actor=row["actor"],
            at=row["at"],
            payment=read_payment({c.name: row[f"payment_{c.name}"] for c in payments.c}),
        )
        for row in connection.execute(query).mappings()
    ]


def last_sequence(connection: Connection) -> int:
    """Return the newest event's sequence, 0 before the first."""
    return connection.execute(select(func.max(events.c.sequence))).scalar() or 0


@dataclass(frozen=True, slots=True)
class Captures:
    """Uid and earlier status of some captured payments, and the last sequence looked at."""

    found: Sequence[tuple[str, str]]
    until: int


def newest_captures(connection: Connection, before: int, limit: int) -> Sequence[tuple[str, str]]:
    """Return uid and earlier status of the newest captures made before a moment."""
    newest = last_sequence(connection)
    query = _captures(newest - _LOOKED_AT, before, limit).order_by(events.c.sequence.desc())
    return _found(connection.execute(query).all())


def captures_after(connection: Connection, after: int, before: int, limit: int) -> Captures:
    """Return the first captures past a sequence that were made before a moment.

    `until` is where to go on, and 0, the beginning, when nothing is left.
    """
    query = _captures(after, before, limit).where(events.c.sequence <= after + _LOOKED_AT)
    rows = connection.execute(query.order_by(events.c.sequence)).all()
    until = rows[-1].sequence if len(rows) == limit else after + _LOOKED_AT
    return Captures(_found(rows), until if until < last_sequence(connection) else 0)


def _found(rows: Sequence[Row[tuple[int, str, str | None]]]) -> list[tuple[str, str]]:
    return [(row.uid, row.from_status or "") for row in rows]


def _captures(after: int, before: int, limit: int) -> Select[tuple[int, str, str | None]]:
    captured = events.c.to_status == Status.CAPTURED.value
    return (
        select(events.c.sequence, events.c.uid, events.c.from_status)
        .where(events.c.sequence > after, captured, events.c.at < before)
        .limit(limit)
    )


def overdue_holds(connection: Connection, now: int, limit: int) -> Sequence[Payment]:
    """Return payments whose hold ran out and that nobody works on."""
    query = (
        select(payments)
        .where(payments.c.hold_expires_at < now, payments.c.active_operation.is_(None))
        .order_by(payments.c.hold_expires_at)
        .limit(limit)
    )
    return [read_payment(row) for row in connection.execute(query).mappings()]


def _write_cursor(payment: Payment) -> str:
    return base64.urlsafe_b64encode(f"{payment.created_at}|{payment.uid}".encode()).decode()


def _read_cursor(cursor: str) -> tuple[int, str]:
    try:
        created_at, uid = base64.urlsafe_b64decode(cursor.encode()).decode().split("|")
        at = int(created_at)
    except (ValueError, binascii.Error):
        raise CursorInvalid from None
    # The database could take neither: a number beyond 64 bits, and text with a NUL in it.
    if not 0 <= at < 2**63 or "\0" in uid:
        raise CursorInvalid
    return at, uid
