"""A captured payment that the ledger does not have is found and counted."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from tests.payments.harness import BODY, SAMPLES

from kurs.data.database import Database
from kurs_testing.clock import ManualClock
from kurs_testing.joined import JoinedGateway
from kurs_testing.parts import part
from payments.reconciliation.captures import Reconciliation

FORGED = text(
    "INSERT INTO payment_events (uid, merchant, from_status, to_status, cause, actor, at)"
    " VALUES (:uid, 'demo', 'RECEIVED', 'CAPTURED', 'paid', 'demo', 1)"
)


def value(gateway: JoinedGateway, name: str, **labels: str) -> float | None:
    return gateway.telemetry["payments"].registry.get_sample_value(name, labels)


def reconciled(gateway: JoinedGateway) -> tuple[float | None, float | None]:
    name = "kurs_payments_reconciled_total"
    return value(gateway, name, result="found"), value(gateway, name, result="missing")


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[JoinedGateway]:
    async with JoinedGateway(tmp_path, SAMPLES, clock=ManualClock()) as joined:
        await joined.open_and_fund("alice", USD="100.00")
        await joined.open_and_fund("bob")
        yield joined


async def forge(folder: Path, *payments: str) -> None:
    """Write down captures that the ledger does not have."""
    database = Database.open(f"sqlite:///{folder / 'payments'}.db")
    rows = [{"uid": f"demo:{payment}"} for payment in payments]
    await database.write(lambda c: c.execute(FORGED, rows))
    await database.close()


def advance(gateway: JoinedGateway, seconds: int) -> None:
    assert isinstance(gateway.clock, ManualClock)
    gateway.clock.advance(seconds=seconds)


async def test_payments_of_each_way_are_found_and_lost_ones_counted(
    gateway: JoinedGateway, tmp_path: Path
) -> None:
    assert (await gateway.call("POST", "/payments", BODY)).status == 200
    held = {**BODY, "payment_id": "p2", "capture": "manual"}
    assert (await gateway.call("POST", "/payments", held)).status == 200
    assert (await gateway.call("POST", "/payments/p2/capture", {})).status == 200
    reconciliation = part(gateway.apps["payments"], Reconciliation)
    advance(gateway, seconds=61)
    await reconciliation.look()
    assert reconciled(gateway) == (2, 0)
    assert value(gateway, "kurs_payments_missing") == 0

    await forge(tmp_path, "p3")
    await reconciliation.look()
    assert reconciled(gateway) == (4, 1)
    assert value(gateway, "kurs_payments_missing") == 1


async def test_a_lost_payment_stays_one_under_newer_ones_until_it_is_there(
    gateway: JoinedGateway, tmp_path: Path
) -> None:
    reconciliation = part(gateway.apps["payments"], Reconciliation)
    await forge(tmp_path, "lost")
    await reconciliation.look()
    for number in range(45):
        paid = {**BODY, "payment_id": f"p{number}", "amount": "1.00"}
        assert (await gateway.call("POST", "/payments", paid)).status == 200
    advance(gateway, seconds=61)
    await reconciliation.look()
    await reconciliation.look()
    assert value(gateway, "kurs_payments_missing") == 1

    assert (await gateway.call("POST", "/payments", {**BODY, "payment_id": "lost"})).status == 200
    await reconciliation.look()
    assert value(gateway, "kurs_payments_missing") == 0


async def test_the_whole_history_is_walked_again_and_again(
    gateway: JoinedGateway, tmp_path: Path
) -> None:
    reconciliation = part(gateway.apps["payments"], Reconciliation)
    for number in range(45):
        paid = {**BODY, "payment_id": f"p{number}", "amount": "1.00"}
        assert (await gateway.call("POST", "/payments", paid)).status == 200
    advance(gateway, seconds=61)
    await reconciliation.look()

    database = Database.open(f"sqlite:///{tmp_path / 'wallet'}.db")
    await database.write(lose)
    for _ in range(4):
        await reconciliation.look()
    assert value(gateway, "kurs_payments_missing") == 1
    await database.write(lambda c: c.execute(text("INSERT INTO transfers SELECT * FROM kept")))
    await database.close()
    await reconciliation.look()
    assert value(gateway, "kurs_payments_missing") == 0


def lose(connection: Connection) -> None:
    """Take the transfer of the first payment away."""
    connection.execute(text("PRAGMA foreign_keys=OFF"))
    connection.execute(text("DROP TRIGGER transfers_no_delete"))
    connection.execute(
        text("CREATE TABLE kept AS SELECT * FROM transfers WHERE transfer_id = 'pay:demo:p0'")
    )
    connection.execute(text("DELETE FROM transfers WHERE transfer_id = 'pay:demo:p0'"))
