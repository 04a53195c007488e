"""The reads of payments: one, a page, an operation, and what is overdue."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, or_, select, tuple_

from kurs.data.bulk import rows_with
from payments.domain.operation import Operation, Waiting
from payments.domain.payment import Payment
from payments.store.rows import read_operation, read_payment, read_waiting
from payments.store.tables import operations, payments


class Place(NamedTuple):
    """Where in a list of payments, newest first, one is: by when it was made, and its uid."""

    created_at: int
    uid: str


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of payments is narrowed to; it begins behind `after`."""

    merchant: str
    status: str | None = None
    account: str | None = None
    after: Place | None = None
    limit: int = 50


class Found(NamedTuple):
    """A payment, and what its active operation waits for, if it is known to wait."""

    payment: Payment
    waiting: Waiting | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some payments, newest first, and where this page ends; None when it is the last one."""

    items: Sequence[Found]
    end: Place | None


def find_payment(connection: Connection, uid: str) -> Found | None:
    """Return a payment by its id, None if there is none."""
    row = connection.execute(select(payments).where(payments.c.uid == uid)).mappings().first()
    if row is None:
        return None
    payment = read_payment(row)
    return _with_waiting(connection, [payment])[0]


def find_operation(connection: Connection, operation_id: str) -> Operation | None:
    """Return an operation by its id, None if there is none."""
    query = select(operations).where(operations.c.operation_id == operation_id)
    row = connection.execute(query).mappings().first()
    return None if row is None else read_operation(row)


def list_payments(connection: Connection, wanted: Filter) -> Page:
    """Return a page of payments."""
    query = select(payments).where(payments.c.merchant == wanted.merchant)
    if wanted.status is not None:
        query = query.where(payments.c.status == wanted.status)
    if wanted.account is not None:
        sides = (payments.c.source_account, payments.c.destination_account)
        query = query.where(or_(*(side == wanted.account for side in sides)))
    order = (payments.c.created_at, payments.c.uid)
    if wanted.after is not None:
        query = query.where(tuple_(*order) < wanted.after)
    query = query.order_by(*(column.desc() for column in order)).limit(wanted.limit + 1)
    found = [read_payment(row) for row in connection.execute(query).mappings()]
    more = len(found) > wanted.limit
    items = found[: wanted.limit]
    end = Place(items[-1].created_at, items[-1].uid) if more else None
    return Page(_with_waiting(connection, items), end)


def overdue_holds(connection: Connection, now: int, limit: int) -> Sequence[Payment]:
    """Return payments whose hold ran out and that nobody works on."""
    query = (
        select(payments)
        .where(payments.c.hold_expires_at < now, payments.c.active_operation.is_(None))
        .order_by(payments.c.hold_expires_at)
        .limit(limit)
    )
    return [read_payment(row) for row in connection.execute(query).mappings()]


def _with_waiting(connection: Connection, found: Sequence[Payment]) -> list[Found]:
    names = [p.active_operation for p in found if p.active_operation is not None]
    rows = rows_with(connection, operations, "operation_id", names) if names else ()
    waiting = {row["operation_id"]: read_waiting(row) for row in rows}
    return [Found(payment, waiting.get(payment.active_operation or "")) for payment in found]
