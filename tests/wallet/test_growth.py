"""Copies of payments leave a ledger that verifies like one that grew by itself."""

from tests.wallet.harness import WalletApp, hold, owners, pay

from kurs.data.database import Database
from loadtest.growth.copies import fill
from wallet.store import reports
from wallet.verification import verify


async def test_a_ledger_filled_with_copies_verifies(wallet: WalletApp, ledger_url: str) -> None:
    held = hold("held", "alice", 5_00, wallet.clock)
    await wallet.transfer(
        pay("pay:demo:1", "alice", "bob", 1_00),
        pay("pay:demo:2", "bob", "house:liquidity", 1_00),
        held,
    )
    database = Database.open(owners(ledger_url))
    before = await database.read(reports.count_transfers)
    done: list[int] = []
    try:
        await fill(database, "wallet", 3, lambda: done.append(1))
        report = await verify(database, {})
    finally:
        await database.close()
    assert report.findings == []
    assert len(done) == 3
    assert report.transfers == before + 3 * 3
