"""How an operation begins in the store: its key is claimed and its intent recorded, at once."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from kurs.data.bulk import insert_rows, rows_with
from kurs.data.database import for_update, may_be_done
from kurs.data.failures import RetryTransaction
from payments.domain import beginning as rules
from payments.domain.beginning import Beginning, IdTaken, InProgress, Missing, Started
from payments.domain.moves import may_begin
from payments.domain.operation import Operation
from payments.store.leases import take
from payments.store.ops import Claim
from payments.store.rows import operation_values, payment_values, read_operation, read_payment
from payments.store.tables import OPERATION_COLUMNS, PAYMENT_COLUMNS, operations, payments


def claim(connection: Connection, claims: Sequence[Claim]) -> list[Beginning]:
    """Store new payments with their operations, and return what became of each.

    Raises RetryTransaction when another process claimed the same id meanwhile.
    """
    # Keys are looked up last: a payment and its key are committed together, so that of another
    # process's claim, committed in between, the key is seen, and this one is a repeat.
    taken = _known_uids(connection, [c.payment.uid for c in claims])
    known = _operations_by_key(connection, [c.operation.idempotency for c in claims])
    results: list[Beginning] = []
    fresh: list[Claim] = []
    begun: set[str] = set()
    for each in claims:
        operation = each.operation
        earlier = known.get(operation.idempotency)
        if earlier is not None:
            stored = may_be_done(connection) and operation.idempotency not in begun
            results.append(_repeat(connection, earlier, operation, may_be_own=stored))
        elif each.payment.uid in taken:
            results.append(IdTaken(each.payment.payment_id))
        else:
            # The next one in this batch with the same key or id must see this one.
            known[operation.idempotency] = operation
            begun.add(operation.idempotency)
            taken.add(each.payment.uid)
            fresh.append(each)
            results.append(Started(each.payment, operation))
    _store(connection, fresh)
    return results


def begin(connection: Connection, operation: Operation) -> Beginning:
    """Begin an operation on a stored payment, and return what became of it.

    Raises RetryTransaction when another process began the same one meanwhile.
    """
    # Locked first: what another process did under the same key is then seen, down to its answer.
    query = for_update(connection, select(payments).where(payments.c.uid == operation.uid))
    row = connection.execute(query).mappings().first()
    earlier = _operations_by_key(connection, [operation.idempotency]).get(operation.idempotency)
    if earlier is not None and rules.is_repeated(earlier, operation):
        return _repeat(connection, earlier, operation, may_be_own=may_be_done(connection))
    if row is None:
        return Missing()
    begun = rules.begin(read_payment(row), operation)
    if isinstance(begun, Started):
        _store_begun(connection, begun)
    return begun


def _repeat(
    connection: Connection, earlier: Operation, repeated: Operation, *, may_be_own: bool
) -> Beginning:
    verdict = rules.repeat(earlier, repeated, may_be_own=may_be_own)
    if verdict is not None:
        return verdict
    query = for_update(connection, select(payments).where(payments.c.uid == earlier.uid))
    payment = read_payment(connection.execute(query).mappings().one())
    if not may_begin(earlier.kind, payment.status):
        # A later release's: it is left to those who know it.
        return InProgress()
    return take(connection, earlier, payment, repeated.lease_until)


def _store(connection: Connection, claims: Sequence[Claim]) -> None:
    rows = [payment_values(c.payment) for c in claims]
    stored = insert_rows(connection, payments, PAYMENT_COLUMNS, rows, skip_existing=True)
    intents = [operation_values(c.operation) for c in claims]
    intended = insert_rows(connection, operations, OPERATION_COLUMNS, intents, skip_existing=True)
    if stored < len(claims) or intended < len(claims):
        raise RetryTransaction


def _store_begun(connection: Connection, begun: Started) -> None:
    intent = [operation_values(begun.operation)]
    if not insert_rows(connection, operations, OPERATION_COLUMNS, intent, skip_existing=True):
        raise RetryTransaction
    payment = begun.payment
    changed = update(payments).where(payments.c.uid == payment.uid)
    connection.execute(
        changed.values(active_operation=payment.active_operation, version=payment.version)
    )


def _operations_by_key(connection: Connection, keys: Sequence[str]) -> dict[str, Operation]:
    found = rows_with(connection, operations, "idempotency", keys)
    return {row["idempotency"]: read_operation(row) for row in found}


def _known_uids(connection: Connection, uids: Sequence[str]) -> set[str]:
    return {row["uid"] for row in rows_with(connection, payments, "uid", uids)}
