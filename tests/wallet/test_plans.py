"""Every read of a batch finds its rows by an index: none becomes slower as the ledger grows."""

import dataclasses
import sqlite3

import pytest
from sqlalchemy import Connection, make_url

from kurs.data.database import Database
from wallet.store.statements import POSTGRESQL, SQLITE

_READS = [field.name for field in dataclasses.fields(POSTGRESQL)]
_TABLES = ("transfers", "balances", "holds", "accounts")


@pytest.mark.postgres
@pytest.mark.parametrize("read", _READS)
async def test_no_read_scans_a_table_on_postgresql(postgres_ledger: str, read: str) -> None:
    text = getattr(POSTGRESQL, read)
    values = ", ".join("'{}'" for number in range(1, 9) if f"${number}" in text)

    def explain(connection: Connection) -> str:
        # The plan that the server keeps: one for all values, made while the tables are empty.
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        connection.exec_driver_sql(f"PREPARE read AS {text}")
        rows = connection.exec_driver_sql(f"EXPLAIN EXECUTE read({values})").all()
        return "\n".join(row[0] for row in rows)

    database = Database.open(postgres_ledger)
    try:
        plan = await database.read(explain)
    finally:
        await database.close()
    assert [table for table in _TABLES if f"Seq Scan on {table}" in plan] == [], plan


@pytest.mark.parametrize("read", [name for name in _READS if getattr(SQLITE, name)])
def test_no_read_scans_a_table_on_sqlite(sqlite_ledger: str, read: str) -> None:
    text = getattr(SQLITE, read)
    with sqlite3.connect(str(make_url(sqlite_ledger).database)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {text}", ("[]",) * text.count("?"))
        plan = "\n".join(row[3] for row in rows)
    names = (*_TABLES, "a", "b")
    assert [name for name in names if f"SCAN {name}\n" in f"{plan}\n"] == [], plan
