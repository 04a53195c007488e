"""A payment whose first driver is slower than its lease: what the sweeper moves is never denied."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kurs_testing.clock import ManualClock
from kurs_testing.joined import JoinedGateway
from kurs_testing.parts import part
from payments.clients import BatchClient
from payments.sweeper import Sweeper

SAMPLES = Path(__file__).parents[1] / "data/resources"
PATIENT = {
    "payments": {"sweep_seconds": 3600.0, "payment_seconds": 60.0},
    "api-gateway": {"request_seconds": 90.0},
}
STALE = {"status": "refused", "code": "stale_rate", "message": "too old"}


async def test_a_late_refusal_does_not_hide_money_that_moved(
    tmp_path: Path,
    clock: ManualClock,
    payment: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with JoinedGateway(tmp_path / "k", SAMPLES, clock=clock, overrides=PATIENT) as kurs:
        await kurs.open_and_fund("alice", USD="100.00")
        await kurs.open_and_fund("bob", settlement_currency="IDR")
        payments = kurs.apps["payments"]
        fx, wallet = (part(payments, BatchClient, name) for name in ("fx", "wallet"))
        ask, asked, may_answer = fx.ask, asyncio.Event(), asyncio.Event()

        async def late_refusal(items: Sequence[Any], askers: Sequence[Any]) -> Any:
            if asked.is_set() or not items:
                return await ask(items, askers)
            asked.set()
            await may_answer.wait()
            return [STALE for _ in items]

        move, moved, may_record = wallet.ask, asyncio.Event(), asyncio.Event()

        async def slow_answer(items: Sequence[Any], askers: Sequence[Any]) -> Any:
            results = await move(items, askers)
            if items:
                moved.set()
                await may_record.wait()
            return results

        monkeypatch.setattr(fx, "ask", late_refusal)
        monkeypatch.setattr(wallet, "ask", slow_answer)
        first = asyncio.create_task(kurs.call("POST", "/payments", payment("p1")))
        await asked.wait()
        clock.advance(seconds=120)
        sweep = asyncio.create_task(part(payments, Sweeper).sweep())
        await moved.wait()
        may_answer.set()
        told = (await first).json()
        may_record.set()

        assert await sweep == 1
        assert told["status"] == "PROCESSING"
        stored = (await kurs.call("GET", "/payments/p1")).json()
        assert (stored["status"], stored["failure"]) == ("CAPTURED", None)
        assert await kurs.balance("alice", "USD") == "90.00"
