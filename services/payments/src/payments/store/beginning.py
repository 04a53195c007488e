"""How an operation begins in the store: its key is claimed and its intent recorded, at once."""

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import Connection, select, update

from kurs.data.bulk import Write, any_of, fetch, insert_rows, inserting, rows_with
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


def claim(connection: Connection, claims: Sequence[Claim]) -> tuple[list[Beginning], list[Write]]:
    """Return what becomes of claims, and the writes that store the new payments and operations.

    When one of those writes fewer rows than it has, another process claimed the same id meanwhile.
    """
    known, taken = _known(connection, claims)
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
    return results, _storing(connection, fresh)


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


def _storing(connection: Connection, claims: Sequence[Claim]) -> list[Write]:
    rows = [payment_values(c.payment) for c in claims]
    intents = [operation_values(c.operation) for c in claims]
    return [
        inserting(connection, payments, PAYMENT_COLUMNS, rows, skip_existing=True),
        inserting(connection, operations, OPERATION_COLUMNS, intents, skip_existing=True),
    ]


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
