"""The reads of payments: one, an operation, and what is overdue."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from kurs.data.bulk import rows_with
from payments.domain.operation import WORKED_ON, Operation, Waiting
from payments.domain.payment import Payment
from payments.store.rows import read_operation, read_payment, read_waiting, readable
from payments.store.tables import operations, payments


class Found(NamedTuple):
    """A payment, and what its active operation waits for, if it has one."""

    payment: Payment
    waiting: Waiting | None


class Overdue(NamedTuple):
    """Payments whose hold ran out, and the uids of those that this release cannot read."""

    payments: list[Payment]
    unreadable: list[str]


def find_payment(connection: Connection, uid: str) -> Found | None:
    """Return a payment by its id, None if there is none."""
    row = connection.execute(select(payments).where(payments.c.uid == uid)).mappings().first()
    if row is None:
        return None
    payment = read_payment(row)
    return with_waiting(connection, [payment])[0]


def find_operation(connection: Connection, operation_id: str) -> Operation | None:
    """Return an operation by its id, None if there is none."""
    query = select(operations).where(operations.c.operation_id == operation_id)
    row = connection.execute(query).mappings().first()
    return None if row is None else read_operation(row)


def overdue_holds(connection: Connection, now: int, limit: int) -> Overdue:
    """Return payments whose hold ran out and that nobody works on."""
    query = (
        select(payments)
        .where(payments.c.hold_expires_at < now, payments.c.active_operation.is_(None))
        .order_by(payments.c.hold_expires_at)
        .limit(limit)
    )
    rows = {row["uid"]: row for row in connection.execute(query).mappings()}
    found, unreadable = readable(read_payment, rows)
    return Overdue(list(found.values()), unreadable)


def with_waiting(connection: Connection, found: Sequence[Payment]) -> list[Found]:
    """Return payments, each with what it waits for."""
    names = [p.active_operation for p in found if p.active_operation is not None]
    rows = rows_with(connection, operations, "operation_id", names) if names else ()
    waiting = {row["operation_id"]: read_waiting(row) for row in rows}
    return [
        Found(
            payment,
            None if (name := payment.active_operation) is None else waiting.get(name) or WORKED_ON,
        )
        for payment in found
    ]
