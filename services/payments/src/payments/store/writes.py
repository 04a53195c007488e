"""The writes of payments: one transaction serves every operation that waits for it.

New payments are claimed, and outcomes recorded, with a constant number of statements per batch.
The rarer actions on a payment (capture, refund, …) are begun one by one in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select, text, update

from kurs.data.bulk import insert_rows, is_any_of, rows_with, update_rows
from kurs.data.database import RetryTransaction, for_update
from kurs.kernel.money import Money
from payments.domain.failure import Refusal
from payments.domain.operation import BEGINS_IN, Answer, Kind, Operation
from payments.domain.payment import Payment
from payments.domain.postings import capture_postings
from payments.errors import (
    AmountInvalid,
    KeyReused,
    OperationConflict,
    OperationInProgress,
    PaymentIdTaken,
    PaymentNotFound,
)
from payments.store.leases import Started, take
from payments.store.tables import (
    CHANGING_COLUMNS,
    EVENT_COLUMNS,
    OPERATION_COLUMNS,
    PAYMENT_COLUMNS,
    changing_values,
    events,
    operation_values,
    operations,
    payment_values,
    payments,
    read_operation,
    read_payment,
)


class VersionConflict(Exception):
    """Another process recorded an outcome first; what is stored holds."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Store a new payment with its operation, unless its key or id is known."""

    payment: Payment
    operation: Operation
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin `operation` on a stored payment; an amount of 0 means all that can be."""

    operation: Operation
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """Record the outcome of an operation: the payment as it now is, and the first answer."""

    before: Payment
    after: Payment
    operation: Operation
    answer: Answer
    cause: str
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """The operation is finished: this was its answer."""

    answer: Answer


Op = Claim | Begin | Finish
Outcome = Started | Replay | None


def apply(connection: Connection, ops: Sequence[Op]) -> list[Outcome | Exception]:
    """Apply a batch; each operation succeeds or fails alone.

    Raises RetryTransaction when another process claimed the same id meanwhile.
    """
    results: list[Outcome | Exception] = [None] * len(ops)
    claims = [(i, op) for i, op in enumerate(ops) if isinstance(op, Claim)]
    finishes = [(i, op) for i, op in enumerate(ops) if isinstance(op, Finish)]
    if claims:
        for (i, _), result in zip(
            claims, _claim(connection, [op for _, op in claims]), strict=True
        ):
            results[i] = result
    for i, op in enumerate(ops):
        if isinstance(op, Begin):
            results[i] = _begin(connection, op.operation)
    recorded = _finish(connection, [op for _, op in finishes]) if finishes else []
    # By identity: equal outcomes may come twice, and only one of them is recorded.
    known = set(map(id, recorded))
    for i, op in finishes:
        if id(op) not in known:
            results[i] = VersionConflict()
    created = [op for (i, op) in claims if _is_fresh(results[i])]
    _record_events(connection, created, recorded)
    return results


def _claim(connection: Connection, claims: Sequence[Claim]) -> list[Outcome | Exception]:
    # Keys are looked up last: a payment and its key are committed together, so that of another
    # process's claim, committed in between, the key is seen, and this one is a repeat.
    taken = _known_uids(connection, [c.payment.uid for c in claims])
    known = _operations_by_key(connection, [c.operation.idempotency for c in claims])
    results: list[Outcome | Exception] = []
    fresh: list[Claim] = []
    for claim in claims:
        operation = claim.operation
        earlier = known.get(operation.idempotency)
        if earlier is not None:
            results.append(_repeat(connection, earlier, operation))
        elif claim.payment.uid in taken:
            results.append(PaymentIdTaken(claim.payment.payment_id))
        else:
            # The next one in this batch with the same key or id must see this one.
            known[operation.idempotency] = operation
            taken.add(claim.payment.uid)
            fresh.append(claim)
            results.append(Started(claim.payment, operation))
    rows = [payment_values(c.payment) for c in fresh]
    stored = insert_rows(connection, payments, PAYMENT_COLUMNS, rows, skip_existing=True)
    intents = [operation_values(c.operation) for c in fresh]
    intended = insert_rows(connection, operations, OPERATION_COLUMNS, intents, skip_existing=True)
    if stored < len(fresh) or intended < len(fresh):
        raise RetryTransaction
    return results


def _repeat(connection: Connection, earlier: Operation, repeated: Operation) -> Outcome | Exception:
    if earlier.fingerprint != repeated.fingerprint:
        return KeyReused()
    if earlier.answer is not None:
        return Replay(earlier.answer)
    if earlier.lease_until > repeated.created_at:
        return OperationInProgress()
    query = for_update(connection, select(payments).where(payments.c.uid == earlier.uid))
    payment = read_payment(connection.execute(query).mappings().one())
    return take(connection, earlier, payment, repeated.lease_until)


def _begin(connection: Connection, operation: Operation) -> Outcome | Exception:
    # Locked first: what another process did under the same key is then seen, down to its answer.
    query = for_update(connection, select(payments).where(payments.c.uid == operation.uid))
    row = connection.execute(query).mappings().first()
    earlier = _operations_by_key(connection, [operation.idempotency]).get(operation.idempotency)
    if earlier is not None and _is_repeated(earlier, operation):
        return _repeat(connection, earlier, operation)
    if row is None:
        return PaymentNotFound()
    payment = read_payment(row)
    amount = operation.amount or _whole(operation.kind, payment)
    refusal = _cannot_begin(operation.kind, payment, amount)
    if refusal is not None:
        return refusal
    operation = replace(operation, amount=amount)
    inserted = insert_rows(
        connection, operations, OPERATION_COLUMNS, [operation_values(operation)], skip_existing=True
    )
    if not inserted:
        raise RetryTransaction
    payment = replace(payment, active_operation=operation.operation_id, version=payment.version + 1)
    connection.execute(
        update(payments)
        .where(payments.c.uid == payment.uid)
        .values(active_operation=payment.active_operation, version=payment.version)
    )
    return Started(payment, operation)


def _is_repeated(earlier: Operation, operation: Operation) -> bool:
    # Without a key of its own, another capture is no reused key: the payment's status answers it.
    has_key = operation.idempotency != operation.operation_id
    return has_key or earlier.fingerprint == operation.fingerprint


def _whole(kind: Kind, payment: Payment) -> int:
    return (
        payment.captured_amount - payment.refunded_amount if kind is Kind.REFUND else payment.amount
    )


def _cannot_begin(kind: Kind, payment: Payment, amount: int) -> Exception | None:
    if payment.active_operation is not None:
        return OperationInProgress()
    if payment.status not in BEGINS_IN[kind]:
        return OperationConflict(kind, payment.status)
    if amount > _whole(kind, payment):
        left = Money(_whole(kind, payment), payment.currency)
        return OperationConflict(kind, payment.status, left=str(left))
    if kind is Kind.CAPTURE:
        try:
            capture_postings(payment, amount)
        except Refusal as refusal:
            failure, hint = refusal.failure, "capture more, or void the payment"
            return AmountInvalid("amount", failure.code, failure.message, hint)
    return None


def _finish(connection: Connection, finishes: Sequence[Finish]) -> list[Finish]:
    """Record outcomes and return those that were; the others came too late.

    Raises VersionConflict when a payment has changed without an answer to its operation.
    """
    fresh: dict[str, Finish] = {}
    for finish in finishes:
        operation = finish.operation
        kept = fresh.setdefault(operation.operation_id, finish)
        if kept.operation.attempts < operation.attempts:
            fresh[operation.operation_id] = finish
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
    update_rows(connection, operations, ("operation_id",), columns, answers)
    return list(fresh.values())


def _changes(finish: Finish) -> tuple[Any, ...]:
    return (finish.after.uid, finish.before.version, *changing_values(finish.after))


def _record_events(
    connection: Connection, created: Sequence[Claim], finishes: Sequence[Finish]
) -> None:
    rows = [_request_row(claim) for claim in created]
    rows += [_move_row(f) for f in finishes if _is_move(f)]
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        # Sequence numbers must become visible in order, or a reader that resumes after the
        # last one it saw would miss a smaller one that is committed later.
        connection.execute(text("SELECT pg_advisory_xact_lock(7236)"))
    insert_rows(connection, events, EVENT_COLUMNS, rows)


def _request_row(claim: Claim) -> tuple[Any, ...]:
    payment, actor = claim.payment, claim.operation.actor
    begun = (None, payment.status.value, "requested")
    return (payment.uid, payment.merchant, *begun, actor, payment.created_at)


def _is_move(finish: Finish) -> bool:
    refunded = finish.after.refunded_amount != finish.before.refunded_amount
    return refunded or finish.after.status is not finish.before.status


def _move_row(finish: Finish) -> tuple[Any, ...]:
    after = finish.after
    moved = (finish.before.status.value, after.status.value)
    return (
        after.uid,
        after.merchant,
        *moved,
        finish.cause,
        finish.operation.actor,
        after.updated_at,
    )


def _is_fresh(result: Outcome | Exception) -> bool:
    return isinstance(result, Started) and result.fresh


def _operations_by_key(connection: Connection, keys: Sequence[str]) -> dict[str, Operation]:
    found = rows_with(connection, operations, "idempotency", keys)
    return {row["idempotency"]: read_operation(row) for row in found}


def _lost(connection: Connection, finishes: Mapping[str, Finish]) -> list[str]:
    """Return the operations that somebody else answered, or took over from the driver."""
    columns = (operations.c.operation_id, operations.c.answer_status, operations.c.attempts)
    query = select(*columns).where(is_any_of(connection, columns[0], list(finishes)))
    return [
        name
        for name, answered, attempts in connection.execute(query)
        if answered is not None or attempts != finishes[name].operation.attempts
    ]


def _known_uids(connection: Connection, uids: Sequence[str]) -> set[str]:
    return {row["uid"] for row in rows_with(connection, payments, "uid", uids)}
