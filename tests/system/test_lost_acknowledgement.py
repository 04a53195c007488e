"""The answer is lost between two services after the work was done: still exactly once."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kurs.calls import ConnectionLost, Request
from kurs_testing.asgi import FaultKind
from kurs_testing.clock import ManualClock
from kurs_testing.joined import FX, GATEWAY, PAYMENTS, RISK, WALLET, JoinedGateway
from kurs_testing.parts import part
from kurs_testing.waiting import eventually
from payments.domain.beginning import Started
from payments.domain.outcomes import Outcome
from payments.flow.assessment import Assessed
from payments.flow.steps import Steps, Transfer
from payments.sweeper import Sweeper

Make = Callable[..., dict[str, Any]]
SAMPLES = Path(__file__).parents[1] / "data" / "resources"


def is_post(request: Request) -> bool:
    return request.method == "POST" and not request.url.endswith("/accounts/lookup")


async def settle(gateway: JoinedGateway) -> None:
    """Let the leases run out and the sweeper finish."""
    assert isinstance(gateway.clock, ManualClock)
    gateway.clock.advance(seconds=60)
    for _ in range(3):
        await part(gateway.apps["payments"], Sweeper).sweep()


async def has_available(gateway: JoinedGateway, amount: str) -> bool:
    """Whether alice can dispose of exactly this much in USD."""
    return await gateway.balance("alice", "USD") == amount


@pytest.fixture
async def gateway(tmp_path: Path, clock: ManualClock):  # type: ignore[no-untyped-def]
    # Only what is injected fails here, however slow the machine.
    overrides = {
        "payments": {"sweep_seconds": 3600.0, "payment_seconds": 60.0},
        "api-gateway": {"request_seconds": 90.0},
    }
    joined = JoinedGateway(tmp_path / "kurs", SAMPLES, clock=clock, overrides=overrides)
    async with joined:
        await joined.open_and_fund("alice", USD="100.00")
        await joined.open_and_fund("bob", settlement_currency="IDR")
        yield joined


@pytest.mark.parametrize("base", [RISK, FX, WALLET], ids=["risk", "fx", "wallet"])
@pytest.mark.parametrize(
    "kind", [FaultKind.LOSE_ACKNOWLEDGEMENT, FaultKind.LOSE_REQUEST, FaultKind.UNREACHABLE]
)
async def test_one_fault_behind_payments_is_repaired_at_once(
    gateway: JoinedGateway, payment: Make, base: str, kind: FaultKind
) -> None:
    gateway.transport.inject(base, kind, times=1, matches=is_post)
    answer = await gateway.call("POST", "/payments", payment("p1"))
    assert (answer.status, answer.json()["status"]) == (200, "CAPTURED")
    assert await gateway.balance("alice", "USD") == "90.00"


@pytest.mark.parametrize("base", [RISK, FX, WALLET], ids=["risk", "fx", "wallet"])
@pytest.mark.parametrize("kind", [FaultKind.LOSE_ACKNOWLEDGEMENT, FaultKind.LOSE_REQUEST])
async def test_a_lasting_fault_is_processing_and_the_sweeper_finishes(
    gateway: JoinedGateway, payment: Make, base: str, kind: FaultKind
) -> None:
    gateway.transport.inject(base, kind, matches=is_post)
    answer = await gateway.call("POST", "/payments", payment("p1"))
    assert (answer.status, answer.json()["status"]) == (202, "PROCESSING")
    assert answer.headers["location"] == "/payments/p1"
    gateway.transport.heal(base)
    await settle(gateway)
    got = (await gateway.call("GET", "/payments/p1")).json()
    assert got["status"] == "CAPTURED"
    assert await gateway.balance("alice", "USD") == "90.00"
    again = await gateway.call("POST", "/payments", payment("p1"))
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")


async def test_a_lost_answer_of_payments_is_repeated_by_its_key(
    gateway: JoinedGateway, payment: Make
) -> None:
    gateway.transport.inject(PAYMENTS, FaultKind.LOSE_ACKNOWLEDGEMENT, times=1, matches=is_post)
    lost = await gateway.call("POST", "/payments", payment("p1"))
    assert lost.status in (502, 504)
    again = await gateway.call("POST", "/payments", payment("p1"))
    assert (again.status, again.json()["status"]) == (200, "CAPTURED")
    assert await gateway.balance("alice", "USD") == "90.00"


async def test_a_lost_answer_of_the_gateway_is_repeated_by_its_key(
    gateway: JoinedGateway, payment: Make
) -> None:
    gateway.transport.inject(GATEWAY, FaultKind.LOSE_ACKNOWLEDGEMENT, times=1)
    with pytest.raises(ConnectionLost):
        await gateway.call("POST", "/payments", payment("p1"))
    again = await gateway.call("POST", "/payments", payment("p1"))
    assert again.json()["status"] == "CAPTURED"
    assert await gateway.balance("alice", "USD") == "90.00"


async def test_money_that_moved_is_adopted_though_the_rate_is_gone(
    gateway: JoinedGateway, payment: Make
) -> None:
    gateway.transport.inject(WALLET, FaultKind.LOSE_ACKNOWLEDGEMENT, matches=is_post)
    assert (await gateway.call("POST", "/payments", payment("p1"))).status == 202
    gateway.transport.heal(WALLET)
    # Whatever the sweeper would decide now, the ledger has the first transfer.
    gateway.transport.inject(FX, FaultKind.UNREACHABLE)
    await settle(gateway)
    assert (await gateway.call("GET", "/payments/p1")).json()["status"] == "PROCESSING"
    clock = gateway.clock
    assert isinstance(clock, ManualClock)
    clock.advance(seconds=3600)
    await settle(gateway)
    got = (await gateway.call("GET", "/payments/p1")).json()
    assert (got["status"], got["destination_amount"]) == ("CAPTURED", "159200.00")
    assert await gateway.balance("alice", "USD") == "90.00"


async def test_a_payment_given_up_can_never_move_money_later(
    gateway: JoinedGateway, payment: Make
) -> None:
    gateway.transport.inject(RISK, FaultKind.UNREACHABLE)
    assert (await gateway.call("POST", "/payments", payment("p1"))).status == 202
    clock = gateway.clock
    assert isinstance(clock, ManualClock)
    clock.advance(seconds=3600)
    await settle(gateway)
    got = (await gateway.call("GET", "/payments/p1")).json()
    assert (got["status"], got["failure"]["code"]) == ("FAILED", "timed_out")
    late = {
        "transfer_id": "pay:demo:p1",
        "merchant": "demo",
        "kind": "post",
        "postings": [
            {"account_id": "alice", "currency": "USD", "amount_minor": -1000},
            {"account_id": "bob", "currency": "USD", "amount_minor": 1000},
        ],
    }
    answer = await gateway.send(WALLET, "POST", "/transfers/batch", {"items": [late]})
    result = answer.json()["results"][0]
    assert (result["status"], result["code"]) == ("refused", "cancelled")
    assert await gateway.balance("alice", "USD") == "100.00"


@pytest.mark.parametrize("action", ["capture", "void"])
async def test_an_action_whose_answer_is_lost_is_finished(
    gateway: JoinedGateway, payment: Make, action: str
) -> None:
    await gateway.call("POST", "/payments", payment("p1", capture="manual"))
    gateway.transport.inject(WALLET, FaultKind.LOSE_ACKNOWLEDGEMENT, matches=is_post)
    assert (await gateway.call("POST", f"/payments/p1/{action}")).status == 202
    gateway.transport.heal(WALLET)
    await settle(gateway)
    got = (await gateway.call("GET", "/payments/p1")).json()
    assert got["status"] == {"capture": "CAPTURED", "void": "VOIDED"}[action]
    expected = "90.00" if action == "capture" else "100.00"
    assert await gateway.balance("alice", "USD") == expected


async def test_a_refund_whose_answer_is_lost_happens_once(
    gateway: JoinedGateway, payment: Make
) -> None:
    await gateway.call("POST", "/payments", payment("p1"))
    gateway.transport.inject(WALLET, FaultKind.LOSE_ACKNOWLEDGEMENT, matches=is_post)
    body, headers = {"amount": "4.00"}, {"idempotency-key": "r"}
    first = await gateway.call("POST", "/payments/p1/refunds", body, headers=headers)
    assert (first.status, first.json()["status"]) == (202, "PROCESSING")
    gateway.transport.heal(WALLET)
    await settle(gateway)
    again = await gateway.call("POST", "/payments/p1/refunds", body, headers=headers)
    assert (again.status, again.json()["status"]) == (200, "SUCCEEDED")
    assert await gateway.balance("alice", "USD") == "94.00"


async def test_holds_end_at_their_expiry(gateway: JoinedGateway, payment: Make) -> None:
    await gateway.call("POST", "/payments", payment("p1", capture="manual"))
    assert await gateway.balance("alice", "USD") == "90.00"
    clock = gateway.clock
    assert isinstance(clock, ManualClock)
    clock.advance(seconds=1000)
    late = await gateway.call("POST", "/payments/p1/capture")
    assert (late.status, late.json()["status"]) == (400, "EXPIRED")
    await gateway.call("POST", "/payments", payment("p2", capture="manual"))
    clock.advance(seconds=1000)
    await settle(gateway)
    assert (await gateway.call("GET", "/payments/p2")).json()["status"] == "EXPIRED"
    # The wallet lets go of expired holds in the background.
    await eventually(partial(has_available, gateway, "100.00"))


async def test_two_sweepers_take_each_operation_once(gateway: JoinedGateway, payment: Make) -> None:
    gateway.transport.inject(WALLET, FaultKind.LOSE_REQUEST, matches=is_post)
    bodies = [payment(f"p{i}", amount="1.00") for i in range(20)]
    answers = await asyncio.gather(*(gateway.call("POST", "/payments", b) for b in bodies))
    assert {a.status for a in answers} == {202}
    gateway.transport.heal(WALLET)
    clock = gateway.clock
    assert isinstance(clock, ManualClock)
    clock.advance(seconds=60)
    sweeper = part(gateway.apps["payments"], Sweeper)
    taken = await asyncio.gather(*(sweeper.sweep() for _ in range(4)))
    assert sum(taken) == 20
    assert await gateway.balance("alice", "USD") == "80.00"


async def test_a_payment_that_cannot_be_driven_keeps_none_of_the_others(
    gateway: JoinedGateway, payment: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.transport.inject(WALLET, FaultKind.LOSE_REQUEST, matches=is_post)
    for name in ("p1", "p2", "p3"):
        answer = await gateway.call("POST", "/payments", payment(name))
        assert answer.status == 202
    gateway.transport.heal(WALLET)
    steps = part(gateway.apps["payments"], Steps)
    take = steps.take

    def take_unless_broken(started: Started, assessed: Assessed | Exception) -> Outcome | Transfer:
        if started.payment.payment_id == "p1":
            raise ArithmeticError("nobody thought of this")
        return take(started, assessed)

    monkeypatch.setattr(steps, "take", take_unless_broken)
    await settle(gateway)

    found = [(await gateway.call("GET", f"/payments/p{i}")).json()["status"] for i in (1, 2, 3)]
    assert found == ["PROCESSING", "CAPTURED", "CAPTURED"]
    listed = (await gateway.call("GET", "/payments?status=PROCESSING")).json()["items"]
    assert [(p["payment_id"], p["status"]) for p in listed] == [("p1", "PROCESSING")]
    monkeypatch.undo()
    await settle(gateway)
    assert (await gateway.call("GET", "/payments/p1")).json()["status"] == "CAPTURED"


async def test_a_refund_that_cannot_begin_is_told_so_and_works_later(
    tmp_path: Path, clock: ManualClock, payment: Make
) -> None:
    overrides = {"payments": {"sweep_seconds": 3600.0, "payment_seconds": 0.5}}
    joined = JoinedGateway(tmp_path / "kurs", SAMPLES, clock=clock, overrides=overrides)
    async with joined:
        await joined.open_and_fund("alice", USD="100.00")
        await joined.open_and_fund("bob")
        assert (await joined.call("POST", "/payments", payment("p1"))).status == 200
        # Of a process that starts anew no account is known, and the wallet is away.
        await joined.restart()
        joined.transport.inject(WALLET, FaultKind.UNREACHABLE)
        asked = partial(
            joined.call, "POST", "/payments/p1/refunds", {"amount": "4"},
            headers={"idempotency-key": "k"},
        )  # fmt: skip

        refused = await asked()

        assert (refused.status, refused.json()["code"]) == (503, "unavailable")
        joined.transport.heal(WALLET)
        assert (await asked()).json()["status"] == "SUCCEEDED"
