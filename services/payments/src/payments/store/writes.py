"""The writes of payments: one transaction serves every operation that waits for it.

New payments are claimed, and outcomes recorded, with a constant number of statements per batch.
The rarer actions on a payment (capture, refund, …) are begun one by one in the same transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, select

from kurs.data.bulk import (
    Write,
    any_of,
    fetch,
    inserting,
    is_any_of,
    update_rows,
    updating,
    write_all,
)
from kurs.data.database import may_be_done
from kurs.data.failures import RetryTransaction
from payments.domain.beginning import Beginning, IdTaken, InProgress, Missing, Started
from payments.domain.operation import Operation
from payments.store.beginning import begin
from payments.store.event_order import append_events, appending, event_rows
from payments.store.leases import repeat
from payments.store.ops import Begin, Claim, Finish, Op, VersionConflict, Wait
from payments.store.rows import changing_values, operation_values, payment_values, read_operation
from payments.store.tables import (
    CHANGING_COLUMNS,
    OPERATION_COLUMNS,
    PAYMENT_COLUMNS,
    WAITING_COLUMNS,
    old_rate_refunds,
    operations,
    payments,
)

Written = Beginning | None
"""What became of a claim or a beginning; None of what was recorded."""


def apply(connection: Connection, ops: Sequence[Op]) -> list[Written | VersionConflict]:
    """Apply a batch; each operation succeeds or fails alone.

    Raises RetryTransaction when another process claimed the same id meanwhile, and VersionConflict
    when a payment has changed without an answer to its operation.
    """
    claims = {i: op for i, op in enumerate(ops) if isinstance(op, Claim)}
    finishes = {i: op for i, op in enumerate(ops) if isinstance(op, Finish)}
    begins = {i: op for i, op in enumerate(ops) if isinstance(op, Begin)}
    waits = [op for op in ops if isinstance(op, Wait)]
    results: dict[int, Written | VersionConflict] = {
        i: begin(connection, op.operation) for i, op in begins.items()
    }
    created: list[Claim] = []
    if claims:
        begun, created = _claim(connection, list(claims.values()))
        results.update(zip(claims, begun, strict=True))
    recorded = _finish(connection, list(finishes.values())) if finishes else []
    # By identity: equal outcomes may come twice, and only one of them is recorded.
    known = set(map(id, recorded))
    results.update(
        (i, None if id(op) in known else VersionConflict()) for i, op in finishes.items()
    )
    if waits:
        _keep_waiting(connection, waits)
    # A step on a payment that is new in this very batch.
    new = {op.payment.uid for op in created}
    for i, op in begins.items():
        if isinstance(results[i], Missing) and op.operation.uid in new:
            results[i] = InProgress()
    _write(connection, created, recorded)
    return [results.get(i) for i in range(len(ops))]


def _claim(connection: Connection, claims: Sequence[Claim]) -> tuple[list[Beginning], list[Claim]]:
    """Return what becomes of claims, and those that are new: they are still to be stored."""
    known, taken = _known(connection, claims)
    results: list[Beginning] = []
    created: list[Claim] = []
    begun: set[str] = set()
    for each in claims:
        operation = each.operation
        earlier = known.get(operation.idempotency)
        if earlier is not None:
            stored = may_be_done(connection) and operation.idempotency not in begun
            results.append(repeat(connection, earlier, operation, may_be_own=stored))
        elif each.payment.uid in taken:
            results.append(IdTaken(each.payment.payment_id))
        else:
            # The next one in this batch with the same key or id must see this one.
            known[operation.idempotency] = operation
            begun.add(operation.idempotency)
            taken.add(each.payment.uid)
            created.append(each)
            results.append(Started(each.payment, operation))
    return results, created


def _known(
    connection: Connection, claims: Sequence[Claim]
) -> tuple[dict[str, Operation], set[str]]:
    """Return the operations that have keys of these claims, and which payments' ids are taken.

    Of one moment: a payment and its key are committed together, and whoever sees one sees both.
    """
    sql = _known_sql(connection.dialect.name)
    keys, uids = ([c.operation.idempotency for c in claims], [c.payment.uid for c in claims])
    found = [dict(row._mapping) for row in fetch(connection, sql, keys, uids)]  # noqa: SLF001
    by_key = {row["idempotency"]: read_operation(row) for row in found if row["taken"] is None}
    return by_key, {row["taken"] for row in found if row["taken"] is not None}


@lru_cache(maxsize=2)
def _known_sql(dialect: str) -> str:
    columns = operations.c.keys()
    nothing = ", ".join("NULL" for _ in columns)
    return (
        f"SELECT {', '.join(columns)}, NULL AS taken FROM operations"  # noqa: S608
        f" WHERE idempotency {any_of(dialect)}"
        f" UNION ALL SELECT {nothing}, uid FROM payments WHERE uid {any_of(dialect, 2)}"
    )


def _finish(connection: Connection, finishes: Sequence[Finish]) -> list[Finish]:
    """Change payments by their outcomes, and return those that hold; the others came too late.

    Their answers are still to be stored. Raises VersionConflict when a payment has changed without
    an answer to its operation.
    """
    latest = _latest(finishes)
    keys = ("uid", "version")
    rows = [_changes(finish) for finish in latest.values()]
    changed = update_rows(connection, payments, keys, CHANGING_COLUMNS, rows, bump="version")
    if changed < len(rows):
        for name in _lost(connection, latest):
            del latest[name]
        if changed != len(latest):
            raise VersionConflict
    if given_back := [_refund(f) for f in latest.values() if f.old_rate]:
        connection.execute(old_rate_refunds.insert(), given_back)
    return list(latest.values())


def _latest(finishes: Iterable[Finish]) -> dict[str, Finish]:
    """Return one outcome per operation: the first of the latest attempt at it."""
    latest: dict[str, Finish] = {}
    for finish in finishes:
        operation = finish.operation
        kept = latest.setdefault(operation.operation_id, finish)
        if kept.operation.attempts < operation.attempts:
            latest[operation.operation_id] = finish
    return latest


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


def _refund(finish: Finish) -> dict[str, Any]:
    operation, payment = finish.operation, finish.after
    return {
        "operation_id": operation.operation_id,
        "merchant": payment.merchant,
        "currency": payment.currency,
        "amount": operation.amount,
        "at": payment.updated_at,
    }


def _keep_waiting(connection: Connection, waits: Sequence[Wait]) -> None:
    """Keep what operations wait for, the last that was found."""
    rows = {wait.operation.operation_id: wait.waiting for wait in waits}
    values = [(name, waiting.service, waiting.reason) for name, waiting in rows.items()]
    update_rows(connection, operations, ("operation_id",), WAITING_COLUMNS, values)


def _write(connection: Connection, created: Sequence[Claim], recorded: Sequence[Finish]) -> None:
    """Store what is new, the first answers, and the events that tell of both, in one round trip."""
    storing = _storing(connection, created) if created else []
    answering = [_answering(connection, recorded)] if recorded else []
    happened = event_rows(created, recorded)
    written = write_all(connection, [*storing, *answering, appending(connection, happened)])
    if any(count < len(w.rows) for w, count in zip(storing, written, strict=False)):
        # Another process claimed the same id meanwhile.
        raise RetryTransaction
    if written[-1] < len(happened):
        append_events(connection, happened)


def _storing(connection: Connection, claims: Sequence[Claim]) -> list[Write]:
    rows = [payment_values(c.payment) for c in claims]
    intents = [operation_values(c.operation) for c in claims]
    return [
        inserting(connection, payments, PAYMENT_COLUMNS, rows, skip_existing=True),
        inserting(connection, operations, OPERATION_COLUMNS, intents, skip_existing=True),
    ]


def _answering(connection: Connection, finishes: Sequence[Finish]) -> Write:
    answers = [(f.operation.operation_id, None, f.answer.status, f.answer.body) for f in finishes]
    columns = ("lease_until", "answer_status", "answer")
    return updating(connection, operations, ("operation_id",), columns, answers)
