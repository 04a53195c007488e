"""History cannot be changed: the database itself refuses, and says why."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.wallet.harness import WalletApp, owners, pay

from kurs.data.database import Database


@pytest.mark.parametrize("table", ["postings", "transfers", "links"])
@pytest.mark.parametrize("change", ["UPDATE {} SET created_at = 0", "DELETE FROM {}"])
async def test_the_database_refuses_to_change_history(
    wallet: WalletApp, ledger_url: str, table: str, change: str
) -> None:
    await wallet.transfer(pay("t", "alice", "bob", 1))
    database = Database.open(owners(ledger_url))
    try:
        with pytest.raises(DBAPIError, match=f"{table} is append-only"):
            await database.write(lambda c: c.execute(text(change.format(table))))
    finally:
        await database.close()


@pytest.mark.postgres
async def test_postgresql_refuses_to_empty_history(postgres_ledger: str) -> None:
    database = Database.open(owners(postgres_ledger))
    try:
        with pytest.raises(DBAPIError, match="append-only"):
            await database.write(lambda c: c.execute(text("TRUNCATE postings")))
    finally:
        await database.close()


_PARTS = text(
    "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'postings'::regclass"
)


@pytest.mark.postgres
@pytest.mark.parametrize("change", ["UPDATE {} SET amount = 1", "DELETE FROM {}", "TRUNCATE {}"])
async def test_every_partition_refuses_by_itself(postgres_ledger: str, change: str) -> None:
    database = Database.open(owners(postgres_ledger))
    try:
        parts = await database.read(lambda c: list(c.execute(_PARTS).scalars()))
        assert len(parts) > 1
        for part in parts:
            with pytest.raises(DBAPIError, match="append-only"):
                await database.write(lambda c, p=part: c.execute(text(change.format(p))))
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("UPDATE balances SET held = posted + 1 WHERE account_id = 'demo/alice'", "balances_limit"),
        ("UPDATE balances SET posted = -1 WHERE account_id = 'demo/alice'", "balances_limit"),
        ("UPDATE balances SET held = -1 WHERE account_id = 'demo/alice'", "balances_not_negative"),
    ],
)
async def test_the_database_keeps_the_limits_by_itself(
    wallet: WalletApp, ledger_url: str, change: str, constraint: str
) -> None:
    database = Database.open(owners(ledger_url))
    try:
        with pytest.raises(DBAPIError, match=constraint):
            await database.write(lambda c: c.execute(text(change)))
    finally:
        await database.close()
