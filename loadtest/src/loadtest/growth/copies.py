"""Fills the databases of a stack that stands still: copies of the payments that it made.

A copy has names of its own and happened before; balances and hash chains follow, so that the ledger
verifies like one that grew by itself.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Table,
    bindparam,
    literal,
    not_,
    select,
    text,
)

import payments.store.tables
import risk.store
import wallet.store.tables
from kurs.data.database import Database
from kurs.data.partitions import extend
from wallet.domain.transfers import DEPOSIT, Record
from wallet.store.chain import append_link

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]
Progress = Callable[[], None]

TABLES = {
    "wallet": ("transfers", "postings", "holds"),
    "payments": ("payments", "operations", "payment_events", "old_rate_refunds"),
    "risk": ("decisions",),
}
"""What grows with payments, by service, in the order in which rows refer to each other."""
_NAMES = {
    "uid", "payment_id", "operation_id", "active_operation", "idempotency", "transfer_id",
    "quote_id", "reverses", "hold_id", "closed_by",
}  # fmt: skip
_MOMENTS = {"created_at", "updated_at", "at", "decided_at"}
_NUMBERED = {"sequence", "entry_id"}
_BATCH = 500
_CACHE_KIB = 2_000_000
_SPAN_MICROS = 60_000_000
"""How long before the copy after it a copy happened."""


_METADATA = {
    "wallet": wallet.store.tables.metadata,
    "payments": payments.store.tables.metadata,
    "risk": risk.store.metadata,
}


class Base(NamedTuple):
    """What is copied of a service: tables that hold its rows of each table, and the transfers."""

    service: str
    kept: Mapping[str, Table]
    rows: Rows

    def table(self, name: str) -> Table:
        """Return one of the service's tables."""
        return _METADATA[self.service].tables[name]


async def fill(database: Database, service: str, copies: int, done: Progress) -> int:
    """Store so many copies of what a service stored about payments, each in one transaction.

    Returns how many rows a copy has in the first of the service's tables.
    """
    base = await database.write(lambda c: _keep(c, service))
    for number in range(copies, 0, -1):
        await database.write(lambda c, n=number: _store(c, base, n))  # type: ignore[misc]
        done()
    if service == "wallet":
        await database.write(lambda c: _move_balances(c, base, copies))
    await database.write(lambda c: _drop(c, base))
    return len(base.rows[TABLES[service][0]])


def _keep(connection: Connection, service: str) -> Base:
    tables = [_METADATA[service].tables[name] for name in TABLES[service]]
    kept = {table.name: _aside(connection, table) for table in tables}
    rows = {
        name: [dict(row) for row in connection.execute(select(table)).mappings()]
        for name, table in kept.items()
    }
    return Base(service, kept, rows)


def _aside(connection: Connection, table: Table) -> Table:
    """Keep the rows of a table, but for those of deposits, in one beside it, without indexes."""
    columns = [Column(c.name, c.type) for c in table.c if c.name not in _NUMBERED]
    kept = Table(f"growth_{table.name}", MetaData(), *columns)
    kept.create(connection)
    names = [column.name for column in columns]
    made = [table.c[name] for name in ("transfer_id", "uid") if name in table.c]
    paid = [not_(name.startswith(DEPOSIT)) for name in made]
    numbers = [column for column in table.c if column.name in _NUMBERED]
    rows = select(*(table.c[name] for name in names)).where(*paid).order_by(*numbers)
    connection.execute(kept.insert().from_select(names, rows))
    return kept


def _drop(connection: Connection, base: Base) -> None:
    for table in base.kept.values():
        table.drop(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE"))


def _store(connection: Connection, base: Base, number: int) -> None:
    if connection.dialect.name == "sqlite":
        # Names of copies are all over the indexes, whose pages 2 MB do not hold.
        connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KIB}")
    elif base.service == "wallet":
        # No wallet runs that would keep room ahead.
        extend(connection, "postings")
    for name, kept in base.kept.items():
        copied = [_copied(column, number).label(column.name) for column in kept.c]
        insert = base.table(name).insert().from_select([c.name for c in kept.c], select(*copied))
        connection.execute(insert)
        if name == "transfers":
            _append_links(connection, [_copy(row, number) for row in base.rows[name]], number)


def _copied(column: Column[Any], number: int) -> ColumnElement[Any]:
    if column.name in _NAMES:
        return column + literal(f"~{number}")
    return column - number * _SPAN_MICROS if column.name in _MOMENTS else column


def _copy(row: Row, number: int) -> Row:
    return {
        name: f"{value}~{number}"
        if name in _NAMES and value is not None
        else value - number * _SPAN_MICROS
        if name in _MOMENTS
        else value
        for name, value in row.items()
    }


def _append_links(connection: Connection, transfers: Sequence[Row], number: int) -> None:
    for start in range(0, len(transfers), _BATCH):
        records = [Record(**row) for row in transfers[start : start + _BATCH]]
        append_link(connection, number % 16, records, records[-1].created_at)


def _move_balances(connection: Connection, base: Base, copies: int) -> None:
    """Add what the copies moved and hold: to one stripe of an account that has several."""
    balances = base.table("balances")
    posted, held = _sums(base.rows["postings"]), _sums(base.rows["holds"], state="held")
    stripes = {
        (row.account_id, row.currency): row.stripe for row in connection.execute(select(balances))
    }
    update = (
        balances.update()
        .where(
            balances.c.account_id == bindparam("account"),
            balances.c.currency == bindparam("coin"),
            balances.c.stripe == bindparam("row"),
        )
        .values(
            posted=balances.c.posted + bindparam("moved"), held=balances.c.held + bindparam("kept")
        )
    )
    connection.execute(
        update,
        [
            {
                "account": key[0], "coin": key[1], "row": stripes[key],
                "moved": posted[key] * copies, "kept": held[key] * copies,
            }
            for key in sorted({*posted, *held})
        ],
    )  # fmt: skip


def _sums(rows: Sequence[Row], **where: str) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if where.items() <= row.items():
            found[row["account_id"], row["currency"]] += row["amount"]
    return found
