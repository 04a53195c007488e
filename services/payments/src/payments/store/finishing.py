"""How an operation ends in the store: the payment changes, and the first answer is kept.

Where there is no outcome yet, what it waits for is kept.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from kurs.data.bulk import Write, is_any_of, update_rows, updating
from payments.store.ops import Finish, VersionConflict, Wait
from payments.store.rows import changing_values
from payments.store.tables import (
    CHANGING_COLUMNS,
    WAITING_COLUMNS,
    old_rate_refunds,
    operations,
    payments,
)


def finish(connection: Connection, finishes: Sequence[Finish]) -> tuple[list[Finish], Write]:
    """Record outcomes and return those that were; the others came too late.

    Beside them is the write that is left to be made, of their answers.

    Raises VersionConflict when a payment has changed without an answer to its operation.
    """
    fresh = _latest(finishes)
    keys = ("uid", "version")
    rows = [_changes(finish) for finish in fresh.values()]
    changed = update_rows(connection, payments, keys, CHANGING_COLUMNS, rows, bump="version")
    if changed < len(rows):
        for name in _lost(connection, fresh):
            del fresh[name]
        if changed != len(fresh):
            raise VersionConflict
    answers = [(name, None, f.answer.status, f.answer.body) for name, f in fresh.items()]
    columns = ("lease_until", "answer_status", "answer")
    answering = updating(connection, operations, ("operation_id",), columns, answers)
    if given_back := [_refund(f) for f in fresh.values() if f.old_rate]:
        connection.execute(old_rate_refunds.insert(), given_back)
    return list(fresh.values()), answering


def keep_waiting(connection: Connection, waits: Sequence[Wait]) -> None:
    """Keep what operations wait for, the last that was found."""
    rows = {wait.operation.operation_id: wait.waiting for wait in waits}
    values = [(name, waiting.service, waiting.reason) for name, waiting in rows.items()]
    update_rows(connection, operations, ("operation_id",), WAITING_COLUMNS, values)


def _latest(finishes: Sequence[Finish]) -> dict[str, Finish]:
    """Return one outcome per operation: the first of the latest attempt at it."""
    fresh: dict[str, Finish] = {}
    for finish in finishes:
        operation = finish.operation
        kept = fresh.setdefault(operation.operation_id, finish)
        if kept.operation.attempts < operation.attempts:
            fresh[operation.operation_id] = finish
    return fresh


def _refund(finish: Finish) -> dict[str, Any]:
    operation, payment = finish.operation, finish.after
    return {
        "operation_id": operation.operation_id,
        "merchant": payment.merchant,
        "currency": payment.currency,
        "amount": operation.amount,
        "at": payment.updated_at,
    }


def _changes(finish: Finish) -> tuple[Any, ...]:
    return (finish.after.uid, finish.before.version, *changing_values(finish.after))


def _lost(connection: Connection, finishes: Mapping[str, Finish]) -> list[str]:
    """Return the operations that somebody else answered, or took over from the driver."""
    columns = (operations.c.operation_id, operations.c.answer_status, operations.c.attempts)
    query = select(*columns).where(is_any_of(connection, columns[0], list(finishes)))
    return [
        name
        for name, answered, attempts in connection.execute(query)
        if answered is not None or attempts != finishes[name].operation.attempts
    ]
