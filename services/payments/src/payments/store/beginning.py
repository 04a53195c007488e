"""How an operation begins on a payment that is there, one by one: its intent is recorded."""

from sqlalchemy import Connection, select, update

from kurs.data.bulk import insert_rows, rows_with
from kurs.data.database import for_update, may_be_done
from kurs.data.failures import RetryTransaction
from payments.domain import beginning as rules
from payments.domain.beginning import Beginning, Missing, Started
from payments.domain.operation import Operation
from payments.store.leases import repeat
from payments.store.rows import operation_values, read_operation, read_payment
from payments.store.tables import OPERATION_COLUMNS, operations, payments


def begin(connection: Connection, operation: Operation) -> Beginning:
    """Begin an operation on a stored payment, and return what became of it.

    Raises RetryTransaction when another process began the same one meanwhile.
    """
    # Locked first: what another process did under the same key is then seen, down to its answer.
    query = for_update(connection, select(payments).where(payments.c.uid == operation.uid))
    row = connection.execute(query).mappings().first()
    earlier = _under_key(connection, operation.idempotency)
    if earlier is not None and rules.is_repeated(earlier, operation):
        return repeat(connection, earlier, operation, may_be_own=may_be_done(connection))
    if row is None:
        return Missing()
    begun = rules.begin(read_payment(row), operation)
    if isinstance(begun, Started):
        _store(connection, begun)
    return begun


def _under_key(connection: Connection, key: str) -> Operation | None:
    found = rows_with(connection, operations, "idempotency", [key])
    return read_operation(found[0]) if found else None


def _store(connection: Connection, begun: Started) -> None:
    intent = [operation_values(begun.operation)]
    if not insert_rows(connection, operations, OPERATION_COLUMNS, intent, skip_existing=True):
        raise RetryTransaction
    payment = begun.payment
    changed = update(payments).where(payments.c.uid == payment.uid)
    connection.execute(
        changed.values(active_operation=payment.active_operation, version=payment.version)
    )
