"""What is wrong with one payment or one merchant is nobody else's trouble."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.payments.harness import BODY, gateway_that_knows_accounts
from tests.payments.test_waves import CALLER, DONE, OPEN, asked, pay, statuses, to, together

from kurs.data.database import Database
from kurs.data.failures import DatabaseBlocked
from kurs.kernel.batching import settled
from kurs.kernel.caller import Caller
from kurs_testing.asgi import FaultKind
from kurs_testing.clock import ManualClock
from kurs_testing.joined import FX, RISK, WALLET, JoinedGateway
from kurs_testing.parts import part
from payments.domain.moves import Kind
from payments.flow.exposure import ExposureReader
from payments.paying import Paying
from payments.service import PaymentService
from payments.sweeper import Sweeper

OVERRIDES = {"payments": {"sweep_seconds": 3600.0, "payment_seconds": 3.0}}
OTHER = Caller("other", "key")
THEIRS = {"source_account": "here", "destination_account": "there"}


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    async with gateway_that_knows_accounts(database_url, tmp_path, OVERRIDES) as joined:
        yield joined


async def store(gateway: JoinedGateway, statement: str) -> None:
    """Write what no release that is known here can read."""
    database = part(gateway.apps["payments"], Database)
    await database.write(lambda c: c.execute(text(statement.replace(":", r"\:"))))


async def sweep(gateway: JoinedGateway, seconds: float = 60) -> None:
    assert isinstance(gateway.clock, ManualClock)
    gateway.clock.advance(seconds=seconds)
    await part(gateway.apps["payments"], Sweeper).sweep()


async def status(gateway: JoinedGateway, payment_id: str) -> str:
    told: str = (await gateway.call("GET", f"/payments/{payment_id}")).json()["status"]
    return told


@pytest.mark.parametrize(("base", "to"), [(RISK, "bob"), (FX, "indonesia")], ids=["risk", "rate"])
async def test_an_amount_that_cannot_be_written_keeps_no_other_open(
    gateway: JoinedGateway, base: str, to: str
) -> None:
    gateway.transport.inject(base, FaultKind.UNREACHABLE)
    for name in ("bad", "good"):
        body = {**BODY, "payment_id": name, "amount": "1.00", "destination_account": to}
        assert (await gateway.call("POST", "/payments", body)).status == OPEN
    gateway.transport.heal(base)
    await store(gateway, "UPDATE payments SET currency = 'XQQ' WHERE payment_id = 'bad'")

    await sweep(gateway)

    assert await status(gateway, "good") == "CAPTURED"


async def open_other_merchant(gateway: JoinedGateway) -> None:
    """Let another merchant have paid across currencies."""
    key = gateway.issue_key("other")
    accounts = [{"account_id": "here"}, {"account_id": "there", "settlement_currency": "IDR"}]
    assert (await gateway.call("POST", "/accounts", accounts, key=key)).status == DONE
    money = {"currency": "USD", "amount": "100.00"}
    deposit = {"deposit_id": "theirs", "account_id": "other/here", **money}
    assert (await gateway.call("POST", "/deposits", deposit)).status == DONE
    body = {**BODY, "payment_id": "theirs", **THEIRS}
    assert (await gateway.call("POST", "/payments", body, key=key)).status == DONE


@pytest.mark.parametrize("kind", [Kind.PAY, Kind.REFUND])
async def test_a_merchant_whose_sums_take_too_long_waits_alone(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    await open_other_merchant(gateway)
    exposure = ExposureReader.of_merchant

    async def blocked(self: ExposureReader, merchant: str) -> Mapping[str, int]:
        if merchant == "other":
            raise DatabaseBlocked("its sums took longer than a statement may")
        return await exposure(self, merchant)

    monkeypatch.setattr(ExposureReader, "of_merchant", blocked)
    if kind == Kind.PAY:
        hold = {"capture": "manual", "amount": "1.00"}
        theirs = pay(gateway, "held", caller=OTHER, **THEIRS, **hold)
        ours = pay(gateway, "held", destination_account="indonesia", **hold)
    else:
        act = part(gateway.apps["payments"], PaymentService).act
        theirs = act(kind, OTHER, "theirs", amount=10, key="r")
        ours = act(kind, CALLER, "to-indonesia", amount=10, key="r")

    assert statuses(await together(theirs, ours)) == [OPEN, DONE]


async def test_who_pays_an_account_that_is_looked_up_does_not_wait_for_the_others(
    gateway: JoinedGateway,
) -> None:
    await gateway.open_and_fund("carol")
    gateway.transport.requests.clear()
    orders = [asked(gateway, "known"), asked(gateway, "stranger", destination_account="carol")]
    gateway.transport.inject(WALLET, FaultKind.HANG, times=1, matches=to("/transfers/batch"))

    pays = part(gateway.apps["payments"], Paying).pay
    replies = await settled(await pays(orders))

    assert statuses(replies) == [OPEN, DONE]


async def test_a_hold_that_cannot_be_read_keeps_no_other_from_its_end(
    gateway: JoinedGateway,
) -> None:
    for name in ("bad", "good"):
        body = {**BODY, "payment_id": name, "amount": "1.00", "capture": "manual"}
        assert (await gateway.call("POST", "/payments", body)).status == DONE
    failure = '{"kind": 1}'
    await store(gateway, f"UPDATE payments SET failure = '{failure}' WHERE payment_id = 'bad'")

    for _ in range(2):
        await sweep(gateway, seconds=8 * 24 * 3600)

    assert await status(gateway, "good") == "EXPIRED"
