"""Somebody keeps a row of the ledger locked: what needs it is told so, and all else goes on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import make_url
from tests.wallet.harness import deposit, pay, wallet_app

from wallet.app import stripe_of

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def locked(url: str, keep: str) -> AsyncIterator[None]:
    """Keep what a statement locks during the block."""
    where = make_url(url)
    owner = await asyncpg.connect(
        host=str(where.query["host"]), user="postgres", database=where.database
    )
    try:
        async with owner.transaction():
            await owner.execute(keep)
            yield
    finally:
        await owner.close()


@pytest.mark.parametrize(
    ("keep", "others"),
    [
        ("SELECT 1 FROM balances WHERE account_id LIKE '%alice' FOR UPDATE", True),
        ("SELECT 1 FROM chains WHERE chain = {stripe} FOR UPDATE", True),
        ("LOCK TABLE balances", False),
    ],
)
async def test_a_batch_goes_on_without_what_is_locked(
    postgres_ledger: str, keep: str, others: bool
) -> None:
    async with wallet_app(postgres_ledger) as wallet:
        await wallet.open("alice", "bob", "dora")
        for account in ("alice", "bob", "dora"):
            await wallet.deposit(account, "100.00")
        async with locked(postgres_ledger, keep.format(stripe=stripe_of("wallet-0"))):
            sent = [
                pay(f"t{n}", *(("alice", "bob") if n == 3 else ("bob", "dora")), 100)
                for n in range(8)
            ]
            if not others:
                answer = await wallet.client.post("/transfers/batch", json={"items": sent})
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
                return
            results = await wallet.transfer(*sent)
            item = results.pop(3)
            assert {r["status"] for r in results} == {"applied"}
            if "balances" in keep:
                assert (item["status"], item["code"]) == ("skipped", "busy")


async def test_a_lock_of_deposits_holds_no_payment_and_blames_no_account(
    postgres_ledger: str,
) -> None:
    keep = "SELECT pg_advisory_xact_lock(hashtextextended('deposits:USD', 0))"
    async with wallet_app(postgres_ledger) as wallet:
        await wallet.open("alice", "bob", "dora")
        await wallet.deposit("alice", "100.00")
        async with locked(postgres_ledger, keep):
            for n in range(2):
                sent = deposit(f"d{n}", "dora", "1.00", "USD")
                answer = await wallet.post("/deposits", sent)
                assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            # What a deposit needs besides was not locked: a payment to the same account goes on.
            (paid,) = await wallet.transfer(pay("t", "alice", "dora", 100))
            assert paid["status"] == "applied"
