"""A captured payment that the ledger does not have is found and counted."""

from pathlib import Path
from typing import Any

from sqlalchemy import text

from devstack.joined import JoinedGateway
from kurs.clock import ManualClock
from kurs.database import Database

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
BODY = {
    "payment_id": "p1",
    "amount": "10.00",
    "currency": "USD",
    "source_account": "alice",
    "destination_account": "bob",
}


def reconciled(gateway: JoinedGateway, result: str) -> Any:
    registry = gateway.telemetry["payments"].registry
    return registry.get_sample_value("kurs_payments_reconciled_total", {"result": result})


async def test_payments_of_each_way_are_found_and_lost_ones_counted(tmp_path: Path) -> None:
    clock = ManualClock()
    async with JoinedGateway(tmp_path, SAMPLES, clock=clock) as gateway:
        await gateway.open_and_fund("alice", USD="100.00")
        await gateway.open_and_fund("bob")
        assert (await gateway.call("POST", "/payments", BODY)).status == 200
        held = {**BODY, "payment_id": "p2", "capture": "manual"}
        assert (await gateway.call("POST", "/payments", held)).status == 200
        assert (await gateway.call("POST", "/payments/p2/capture", {})).status == 200
        reconciler = gateway.apps["payments"].state.reconciler
        clock.advance(seconds=61)
        await reconciler.look()
        assert (reconciled(gateway, "found"), reconciled(gateway, "missing")) == (2, 0)

        database = Database.open(f"sqlite:///{tmp_path / 'payments'}.db")
        forged = text(
            "INSERT INTO payment_events (uid, merchant, from_status, to_status, cause, actor, at)"
            " VALUES ('demo:p3', 'demo', 'RECEIVED', 'CAPTURED', 'paid', 'demo', 1)"
        )
        await database.write(lambda c: c.execute(forged))
        await database.close()
        await reconciler.look()
        assert (reconciled(gateway, "found"), reconciled(gateway, "missing")) == (4, 1)
