"""Expired holds come back by themselves; the audit sums the ledger and tells when it is broken."""

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import pytest
from sqlalchemy import Connection, text
from tests.wallet.harness import WalletApp, hold, pay, tamper, wallet_app

from kurs.data.database import Database
from kurs_testing.clock import ManualClock
from kurs_testing.telemetry import RecordingTelemetry
from wallet.audit import Audit
from wallet.metrics import WalletMetrics


class Audited(NamedTuple):
    """An audit of the small wallet's ledger, its database, and what it reports."""

    audit: Audit
    database: Database
    value: Callable[..., float | None]


@pytest.fixture
async def audited(small_wallet: WalletApp, sqlite_ledger: str) -> AsyncIterator[Audited]:
    database = Database.open(sqlite_ledger)
    telemetry = RecordingTelemetry("audit")
    audit = Audit(database, small_wallet.clock, WalletMetrics(telemetry), telemetry.logger)
    yield Audited(audit, database, telemetry.registry.get_sample_value)
    await database.close()


async def test_an_expired_hold_is_released_and_recorded(ledger_url: str) -> None:
    async with wallet_app(ledger_url, interval=0.01) as wallet:
        await wallet.open("alice")
        await wallet.deposit("alice", "100.00")
        await wallet.transfer(hold("h1", "alice", 60_00, wallet.clock))
        wallet.clock.advance(seconds=601)
        await wallet.nothing_held("alice")

        record = (await wallet.client.get("/transfers/expire:pay:demo:h1")).json()
        assert (record["status"], record["stored"]["kind"]) == ("applied", "expiry")
        series = 'kurs_wallet_transfers_total{code="",kind="expiry",status="applied"}'
        assert await wallet.metric(series) == 1


@pytest.mark.postgres
async def test_two_processes_release_a_hold_once(postgres_ledger: str) -> None:
    clock = ManualClock()
    async with (
        wallet_app(postgres_ledger, clock=clock, instance="a", interval=0.01) as one,
        wallet_app(postgres_ledger, clock=clock, instance="b", interval=0.01) as two,
    ):
        await one.open("alice")
        await one.deposit("alice", "100.00")
        await one.transfer(*[hold(f"h{i}", "alice", 1_00, clock) for i in range(50)])
        clock.advance(seconds=601)
        await two.nothing_held("alice")
        series = 'kurs_wallet_transfers_total{code="",kind="expiry",status="applied"}'
        released = await one.metric(series) + await two.metric(series)
        assert released == 50


async def test_the_audit_reports_positions_and_holds(wallet: WalletApp, ledger_url: str) -> None:
    await wallet.transfer(
        pay("p", "alice", "house:liquidity", 25_00), hold("h", "alice", 1, wallet.clock)
    )
    telemetry = RecordingTelemetry("audit")
    database = Database.open(ledger_url)
    audit = Audit(database, wallet.clock, WalletMetrics(telemetry), telemetry.logger)

    assert await audit.run() == {"USD": 0}
    value = telemetry.registry.get_sample_value
    assert value("kurs_wallet_ledger_imbalance", {"currency": "USD"}) == 0
    assert (
        value("kurs_wallet_house_position", {"account": "house:liquidity", "currency": "USD"}) == 25
    )
    assert value("kurs_wallet_holds_open") == 1
    await database.close()


async def test_the_audit_remembers_the_settled_past_and_finds_lost_money(
    small_wallet: WalletApp, audited: Audited
) -> None:
    assert await audited.audit.run() == {"USD": 0}
    small_wallet.clock.advance(seconds=600)
    await small_wallet.transfer(pay("p", "alice", "bob", 1))
    assert await audited.audit.run() == {"USD": 0}

    lost = text(
        "INSERT INTO postings (transfer_id, account_id, currency, amount, created_at) "
        "VALUES ('forged', 'alice', 'USD', 5, :now)"
    )
    now = small_wallet.clock.now()
    await audited.database.write(lambda c: c.execute(lost, {"now": now}))
    assert await audited.audit.run() == {"USD": 5}
    small_wallet.clock.advance(seconds=600)
    assert await audited.audit.run() == {"USD": 5}
    mend = text(
        "INSERT INTO postings (transfer_id, account_id, currency, amount, created_at) "
        "SELECT 'forged', 'alice', 'USD', -5, created_at FROM postings WHERE transfer_id = 'forged'"
    )
    await audited.database.write(lambda c: c.execute(mend))
    value = audited.value
    assert value("kurs_wallet_ledger_imbalance", {"currency": "USD"}) == 5
    await audited.audit.run()
    assert value("kurs_wallet_ledger_imbalance", {"currency": "USD"}) == 0
    await tamper(small_wallet.url, "DELETE FROM postings WHERE transfer_id = 'forged'")


async def test_the_audit_reads_the_whole_ledger_once_an_hour(
    small_wallet: WalletApp, audited: Audited
) -> None:
    await small_wallet.transfer(pay("p", "alice", "bob", 7))
    small_wallet.clock.advance(seconds=600)
    assert await audited.audit.run() == {"USD": 0}

    def lose(connection: Connection) -> None:
        connection.execute(text("DROP TRIGGER postings_no_delete"))
        connection.execute(text("CREATE TABLE kept AS SELECT * FROM postings WHERE amount = 7"))
        connection.execute(text("DELETE FROM postings WHERE amount = 7"))

    await audited.database.write(lose)
    small_wallet.clock.advance(seconds=2_900)
    assert await audited.audit.run() == {"USD": 0}
    small_wallet.clock.advance(seconds=700)
    assert await audited.audit.run() == {"USD": -7}
    await audited.database.write(
        lambda c: c.execute(text("INSERT INTO postings SELECT * FROM kept"))
    )


async def test_an_audit_that_never_succeeds_grows_old_from_the_start(
    small_wallet: WalletApp, audited: Audited
) -> None:
    began = small_wallet.clock.now() / 1_000_000
    assert audited.value("kurs_wallet_ledger_audit_timestamp_seconds") == began


async def test_the_audit_counts_customers_below_their_limit(
    small_wallet: WalletApp, audited: Audited
) -> None:
    await audited.audit.run()
    assert audited.value("kurs_wallet_customers_below_limit") == 0

    def move(connection: Connection, minor: int) -> None:
        connection.execute(text("PRAGMA ignore_check_constraints=ON"))
        change = "UPDATE balances SET posted = posted + :minor WHERE account_id = 'demo/alice'"
        connection.execute(text(change), {"minor": minor})

    await audited.database.write(lambda c: move(c, -1_000_000))
    await audited.audit.run()
    assert audited.value("kurs_wallet_customers_below_limit") == 1
    await audited.database.write(lambda c: move(c, 1_000_000))
