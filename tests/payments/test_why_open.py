"""Why is it open? One request says what a payment without an outcome waits for."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.payments.harness import BODY, gateway_over

from kurs.calls import Request
from kurs_testing.asgi import FaultKind
from kurs_testing.clock import ManualClock
from kurs_testing.joined import FX, RISK, WALLET, JoinedGateway
from kurs_testing.parts import part
from payments.clients import BatchClient, Unusable
from payments.commands import list_set_aside
from payments.settings import PaymentsSettings
from payments.sweeper import Sweeper

OVERRIDES = {
    "payments": {"sweep_seconds": 3600.0, "set_aside_attempts": 1},
    "api-gateway": {"request_seconds": 30.0},
}
TOLD = {
    "risk": "risk has not decided yet",
    "fx": "there is no price yet",
    "wallet": "the ledger has not confirmed yet",
}


def batches(request: Request) -> bool:
    return request.url.endswith("/batch")


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    async with gateway_over(database_url, tmp_path, OVERRIDES, settlement_currency="IDR") as joined:
        yield joined


def why(payment: dict[str, Any]) -> tuple[Any, Any]:
    return payment["waits_for"], payment["open_reason"]


@pytest.mark.parametrize(
    ("base", "service"), [(RISK, "risk"), (FX, "fx"), (WALLET, "wallet")], ids=[*TOLD]
)
async def test_the_first_answer_and_every_read_say_it(
    gateway: JoinedGateway, base: str, service: str
) -> None:
    gateway.transport.inject(base, FaultKind.UNREACHABLE, matches=batches)

    merchant = gateway.issue_key("demo", "read")
    first = await gateway.call("POST", "/payments", BODY)

    expected = (service, TOLD[service])
    assert (first.status, why(first.json())) == (202, expected)
    assert why((await gateway.call("GET", "/payments/p1", key=merchant)).json()) == expected
    (listed,) = (await gateway.call("GET", "/payments", key=merchant)).json()["items"]
    assert why(listed) == expected


async def test_an_auditor_reads_the_reason_itself_and_it_goes_with_the_outcome(
    gateway: JoinedGateway,
) -> None:
    gateway.transport.inject(RISK, FaultKind.UNREACHABLE, matches=batches)
    assert (await gateway.call("POST", "/payments", BODY)).status == 202
    # The key of the demo has the role `audit`.
    found = (await gateway.call("GET", "/payments/p1")).json()
    assert why(found) == ("risk", "risk: connection refused")

    gateway.transport.heal(RISK)
    assert isinstance(gateway.clock, ManualClock)
    gateway.clock.advance(seconds=60)
    assert await part(gateway.apps["payments"], Sweeper).sweep() == 1

    found = (await gateway.call("GET", "/payments/p1")).json()
    assert (found["status"], *why(found)) == ("CAPTURED", None, None)


async def test_the_last_reason_is_kept_and_listed_for_operators(
    gateway: JoinedGateway, database_url: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    gateway.transport.inject(WALLET, FaultKind.LOSE_REQUEST, matches=batches)
    assert (await gateway.call("POST", "/payments", BODY)).status == 202
    gateway.transport.heal(WALLET)

    async def unreadable(items: Sequence[Any], _: Sequence[Any]) -> list[Any]:
        return [Unusable("fx", "invalid: unheard of") for _ in items]

    fx = part(gateway.apps["payments"], BatchClient, "fx")
    monkeypatch.setattr(fx, "ask", unreadable)
    assert isinstance(gateway.clock, ManualClock)
    for _ in range(2):
        gateway.clock.advance(seconds=60)
        await part(gateway.apps["payments"], Sweeper).sweep()

    found = (await gateway.call("GET", "/payments/p1")).json()
    assert found["waits_for"] == "fx"
    told = r"fx: invalid: unheard of; set aside since \S+Z, and tried seldom"
    assert re.fullmatch(told, found["open_reason"])
    await asyncio.to_thread(list_set_aside, PaymentsSettings(database_url=database_url), [])
    assert "waits for fx: fx: invalid: unheard of" in capsys.readouterr().out


async def test_what_nobody_foresaw_is_a_reason_too(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.transport.inject(WALLET, FaultKind.LOSE_REQUEST, matches=batches)
    assert (await gateway.call("POST", "/payments", BODY)).status == 202

    async def broken(items: Sequence[Any], _: Sequence[Any]) -> list[Any]:
        return [KeyError("settled") for _ in items]

    wallet = part(gateway.apps["payments"], BatchClient, "wallet")
    monkeypatch.setattr(wallet, "ask", broken)
    assert isinstance(gateway.clock, ManualClock)
    gateway.clock.advance(seconds=60)
    await part(gateway.apps["payments"], Sweeper).sweep()

    found = (await gateway.call("GET", "/payments/p1")).json()
    assert why(found) == ("payments", "payments: KeyError: 'settled'")
    merchant = gateway.issue_key("demo", "read")
    found = (await gateway.call("GET", "/payments/p1", key=merchant)).json()
    assert why(found) == ("payments", "it is not finished yet")
