"""A transfer in the ledger that no payment asked for is found, counted and named."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.payments.harness import BODY, SAMPLES

from kurs.data.database import Database
from kurs_testing.asgi import FaultKind
from kurs_testing.clock import ManualClock
from kurs_testing.joined import JoinedGateway
from kurs_testing.parts import part
from payments.reconciliation.ledger_reader import LedgerReader

WALLET = "http://wallet.test"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def databases(request: pytest.FixtureRequest) -> Mapping[str, str]:
    """Where payments keeps its rows; the wallet's database is a SQLite file."""
    if request.param == "sqlite":
        return {}
    from kurs.data.migrations import migrate
    from payments.migrations import VERSIONS

    url = str(request.getfixturevalue("postgres_url"))
    migrate(url, VERSIONS)
    return {"payments": url}


@pytest.fixture
async def gateway(tmp_path: Path, databases: Mapping[str, str]) -> AsyncIterator[JoinedGateway]:
    joined = JoinedGateway(tmp_path, SAMPLES, databases=databases, clock=ManualClock())
    async with joined:
        await joined.open_and_fund("alice", USD="100.00")
        await joined.open_and_fund("bob")
        yield joined


async def look(gateway: JoinedGateway) -> float | None:
    """Look once and return how many transfers are known that no payment asked for."""
    await part(gateway.apps["payments"], LedgerReader).look()
    registry = gateway.telemetry["payments"].registry
    return registry.get_sample_value("kurs_payments_unknown_transfers")


async def forge(gateway: JoinedGateway, payment: str) -> None:
    """Move money past payments."""
    legs = [("alice", -100), ("bob", 100)]
    item = {
        "kind": "post",
        "transfer_id": f"pay:demo:{payment}",
        "merchant": "demo",
        "postings": [
            {"account_id": account, "currency": "USD", "amount_minor": minor}
            for account, minor in legs
        ],
    }
    answer = await gateway.send(WALLET, "POST", "/transfers/batch", {"items": [item]})
    assert answer.json()["results"][0]["status"] == "applied"


async def test_every_way_of_a_payment_is_known_and_deposits_are_not_asked_for(
    gateway: JoinedGateway,
) -> None:
    assert (await gateway.call("POST", "/payments", BODY)).status == 200
    refund = {"amount": "1.00"}
    for payment, way in (("p2", "capture"), ("p3", "void")):
        held = {**BODY, "payment_id": payment, "capture": "manual"}
        assert (await gateway.call("POST", "/payments", held)).status == 200
        assert (await gateway.call("POST", f"/payments/{payment}/{way}", {})).status == 200
    headers = {"idempotency-key": "r1"}
    refunded = await gateway.call("POST", "/payments/p1/refunds", refund, headers=headers)
    assert refunded.status == 200, refunded.body
    too_much = {**BODY, "payment_id": "p4", "amount": "1000.00"}
    assert (await gateway.call("POST", "/payments", too_much)).status == 400
    assert await look(gateway) == 0


async def test_a_forged_transfer_is_found_and_counted_until_its_operation_is_there(
    gateway: JoinedGateway, tmp_path: Path, databases: Mapping[str, str]
) -> None:
    await forge(gateway, "forged")
    assert await look(gateway) == 1
    assert (await gateway.call("POST", "/payments", BODY)).status == 200
    assert await look(gateway) == 1

    await gateway.restart()
    assert await look(gateway) == 1

    database = Database.open(databases.get("payments", f"sqlite:///{tmp_path / 'payments'}.db"))
    found = text(
        "INSERT INTO operations (operation_id, uid, kind, idempotency, fingerprint, amount, actor,"
        " created_at, lease_until, attempts) VALUES ('pay:demo:forged', 'demo:forged', 'pay',"
        " 'pay:demo:forged', 'x', 100, 'demo', 1, 9000000000000000, 1)"
    )
    await database.write(lambda c: c.execute(found))
    await database.close()
    assert await look(gateway) == 0


async def test_a_look_is_bounded_and_goes_on_where_it_was(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.reconciliation.ledger_reader.PAGES", 1)
    monkeypatch.setattr("payments.reconciliation.chains.PAGE", 2)
    for number in range(5):
        await forge(gateway, f"f{number}")
    counts = [await look(gateway) for _ in range(4)]
    assert counts[0] == 1
    assert counts[-1] == 5


async def test_a_wallet_that_does_not_answer_is_asked_again(gateway: JoinedGateway) -> None:
    await forge(gateway, "forged")
    gateway.transport.inject(WALLET, FaultKind.UNREACHABLE)
    await look(gateway)
    gateway.transport.heal(WALLET)
    assert await look(gateway) == 1
