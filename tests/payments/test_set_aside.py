"""What cannot be finished is never denied: it is set aside after a number of attempts, and kept."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.payments.harness import BODY, gateway_over

from kurs.calls import Request
from kurs.data.database import Database
from kurs.kernel.settings import CannotRun
from kurs_testing.asgi import FaultKind
from kurs_testing.clock import ManualClock
from kurs_testing.joined import RISK, WALLET, JoinedGateway
from kurs_testing.parts import part
from payments.commands import list_set_aside, resume
from payments.flow.steps import Steps
from payments.settings import PaymentsSettings
from payments.sweeper import Sweeper

OVERRIDES = {
    "payments": {
        "sweep_seconds": 3600.0,
        "payment_seconds": 5.0,
        "set_aside_attempts": 3,
        "set_aside_seconds": 1000.0,
    }
}
SAID = {
    "status": "CAPTURED",
    "risk": {"decision": "approve", "score": 0, "reasons": [], "config_revision": "r"},
    "exchange": None,
    "destination_currency": "USD",
    "destination_amount": 1000,
    "captured_amount": 1000,
    "hold_expires_at": None,
}
POSTINGS: list[dict[str, Any]] = [
    {"account_id": "alice", "currency": "USD", "amount_minor": -1000},
    {"account_id": "bob", "currency": "USD", "amount_minor": 1000},
]


def body(payment_id: str = "p1", **changes: Any) -> dict[str, Any]:
    return {**BODY, "payment_id": payment_id, **changes}


def to_ledger(request: Request) -> bool:
    return request.url.endswith("/transfers/batch")


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    async with gateway_over(database_url, tmp_path, OVERRIDES) as joined:
        yield joined


async def post(gateway: JoinedGateway, **content: Any) -> None:
    """Put a transfer into the ledger, as whoever reaches its port can."""
    item = {"transfer_id": "pay:demo:p1", "merchant": "demo", **content}
    answer = await gateway.send(WALLET, "POST", "/transfers/batch", {"items": [item]})
    assert answer.json()["results"][0]["status"] == "applied", answer.body


async def sweep(gateway: JoinedGateway, seconds: float = 60) -> int:
    assert isinstance(gateway.clock, ManualClock)
    gateway.clock.advance(seconds=seconds)
    taken: int = await part(gateway.apps["payments"], Sweeper).sweep()
    return taken


async def read(gateway: JoinedGateway, payment_id: str = "p1") -> Any:
    return (await gateway.call("GET", f"/payments/{payment_id}")).json()


def gauge(gateway: JoinedGateway) -> float | None:
    registry = gateway.telemetry["payments"].registry
    return registry.get_sample_value("kurs_payments_operations_set_aside")


@pytest.mark.parametrize("context", [None, {}, {"risk": None}, {"failure": {}}, {"failure": 7}])
async def test_a_payment_whose_id_was_cancelled_by_hand_has_failed(
    gateway: JoinedGateway, context: Any
) -> None:
    await post(gateway, kind="cancel", **({} if context is None else {"context": context}))

    told = await gateway.call("POST", "/payments", body())

    assert (told.status, told.json()["status"]) == (400, "FAILED")
    assert told.json()["failure"]["code"] == "refused"
    assert await gateway.balance("alice", "USD") == "100.00"
    assert await sweep(gateway) == 0


async def test_a_reason_of_a_later_release_is_told_as_one_without_a_code(
    gateway: JoinedGateway,
) -> None:
    failure = {"code": "moon_phase", "message": "full moon"}
    await post(gateway, kind="cancel", context={"risk": SAID["risk"], "failure": failure})

    told = (await gateway.call("POST", "/payments", body())).json()

    assert told["failure"] == {
        "code": "refused",
        "message": "refused for a reason that has no code here",
    }
    assert told["risk"] == {"decision": "approve", "score": 0, "reasons": []}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in SAID.items() if key != name}


@pytest.mark.parametrize(
    "context",
    [
        None,
        *(without(name) for name in SAID),
        {**SAID, "status": "TELEPORTED"},
        {**SAID, "status": "REVIEW"},
        {**SAID, "exchange": {"mid": "1"}},
        {**SAID, "captured_amount": "all"},
    ],
)
async def test_money_that_moved_without_a_word_is_never_denied(
    gateway: JoinedGateway, context: Any
) -> None:
    said = {} if context is None else {"context": context}
    await post(gateway, kind="post", postings=POSTINGS, **said)

    told = await gateway.call("POST", "/payments", body())

    assert (told.status, told.json()["status"]) == (202, "PROCESSING")
    for _ in range(4):
        assert await sweep(gateway) == 1
    assert gauge(gateway) == 1
    assert (await read(gateway))["status"] == "PROCESSING"
    # Set aside: not looked at again for a long time, but then it is.
    assert await sweep(gateway) == 0
    assert (await gateway.call("POST", "/payments", body())).json()["code"] == (
        "operation_in_progress"
    )
    assert await sweep(gateway, seconds=1000) == 1
    assert gauge(gateway) == 1


async def test_a_fault_of_the_program_sets_aside_and_an_operator_takes_up_again(
    gateway: JoinedGateway, database_url: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    gateway.transport.inject(WALLET, FaultKind.LOSE_REQUEST, matches=to_ledger)
    assert (await gateway.call("POST", "/payments", body())).status == 202
    gateway.transport.heal(WALLET)
    steps = part(gateway.apps["payments"], Steps)

    def broken(*_: Any) -> Any:
        raise TypeError("'NoneType' object is not subscriptable")

    monkeypatch.setattr(steps, "take", broken)
    assert [await sweep(gateway) for _ in range(6)] == [1, 1, 1, 1, 0, 0]
    assert gauge(gateway) == 1
    # It no longer counts as what is being worked on.
    oldest = gateway.telemetry["payments"].registry.get_sample_value(
        "kurs_payments_oldest_pending_seconds"
    )
    assert oldest == 0
    monkeypatch.undo()

    settings = PaymentsSettings(database_url=database_url)
    await asyncio.to_thread(list_set_aside, settings, [])
    assert "pay:demo:p1" in capsys.readouterr().out
    await asyncio.to_thread(resume, settings, ["pay:demo:p1"])
    assert "resumed pay:demo:p1" in capsys.readouterr().out

    assert await sweep(gateway, seconds=0.001) == 1
    assert (await read(gateway))["status"] == "CAPTURED"
    assert gauge(gateway) == 0
    with pytest.raises(CannotRun, match="not set aside: pay:demo:p1"):
        await asyncio.to_thread(resume, settings, ["pay:demo:p1"])


@pytest.mark.parametrize("arguments", [[], ["--all"], ["pay:demo:p1"]])
def test_a_database_without_tables_is_told_in_one_sentence(
    sqlite_url: str, arguments: list[str]
) -> None:
    settings = PaymentsSettings(database_url=sqlite_url)
    command = resume if arguments else list_set_aside

    with pytest.raises(CannotRun, match="the schema is at nothing"):
        command(settings, arguments)


@pytest.mark.parametrize("base", [WALLET, RISK])
async def test_an_outage_sets_nothing_aside(gateway: JoinedGateway, base: str) -> None:
    gateway.transport.inject(base, FaultKind.UNREACHABLE)
    assert (await gateway.call("POST", "/payments", body())).status == 202

    assert [await sweep(gateway) for _ in range(8)] == [1] * 8

    assert gauge(gateway) == 0


@pytest.mark.parametrize(
    "forged",
    [
        "UPDATE operations SET kind = 'teleport'",
        "UPDATE payments SET status = 'TELEPORTED'",
    ],
)
async def test_a_row_that_cannot_be_read_stops_no_other(
    gateway: JoinedGateway, database_url: str, forged: str
) -> None:
    gateway.transport.inject(WALLET, FaultKind.LOSE_REQUEST, matches=to_ledger)
    for name in ("p1", "p2"):
        assert (await gateway.call("POST", "/payments", body(name))).status == 202
    gateway.transport.heal(WALLET)
    database = Database.open(database_url)
    await database.write(lambda c: c.execute(text(f"{forged} WHERE uid = 'demo:p1'")))
    await database.close()

    assert await sweep(gateway) == 1
    assert (await read(gateway, "p2"))["status"] == "CAPTURED"
    assert gauge(gateway) == 1


async def test_a_capture_under_whose_id_another_stands_stays_open(gateway: JoinedGateway) -> None:
    assert (await gateway.call("POST", "/payments", body(capture="manual"))).status == 200
    half = [{**leg, "amount_minor": leg["amount_minor"] // 2} for leg in POSTINGS]
    other = {"kind": "capture", "hold_id": "pay:demo:p1", "postings": half}
    await post(gateway, transfer_id="capture:demo:p1", **other)

    told = await gateway.call("POST", "/payments/p1/capture", {})

    assert (told.status, told.json()["status"]) == (202, "AUTHORIZED")
    assert [await sweep(gateway) for _ in range(5)] == [1, 1, 1, 1, 0]
    assert gauge(gateway) == 1


async def test_a_void_whose_id_was_cancelled_is_no_expiry(gateway: JoinedGateway) -> None:
    assert (await gateway.call("POST", "/payments", body(capture="manual"))).status == 200
    await post(gateway, transfer_id="void:demo:p1", kind="cancel")

    told = await gateway.call("POST", "/payments/p1/void", {})

    assert (told.status, told.json()["status"]) == (400, "AUTHORIZED")
    assert told.json()["failure"]["code"] == "refused"
