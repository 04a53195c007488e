"""Money over time is counted once, whoever counts, and told by period, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from tests.payments.harness import BODY, gateway_over

from kurs.data.database import Database
from kurs_testing.clock import ManualClock
from kurs_testing.joined import JoinedGateway
from kurs_testing.parts import part
from payments.figures.counting import Figures
from payments.store.figures import add_figures, uncounted
from payments.store.tables import payments

NEVER = {"payments": {"figures_seconds": 86_400.0}}
"""Nobody counts beside the test."""


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    async with gateway_over(database_url, tmp_path, NEVER) as joined:
        await joined.open_and_fund("indonesia", settlement_currency="IDR")
        yield joined


def counting(gateway: JoinedGateway) -> Figures:
    return part(gateway.apps["payments"], Figures)


async def pay(gateway: JoinedGateway, name: str, **changes: Any) -> None:
    answer = await gateway.call("POST", "/payments", {**BODY, "payment_id": name, **changes})
    assert answer.status in (200, 400), answer.body


async def told(gateway: JoinedGateway, query: str = "") -> Any:
    answer = await gateway.call("GET", f"/figures{query}")
    assert answer.status == 200, answer.body
    return answer.json()


async def test_what_happened_is_summed_by_corridor(gateway: JoinedGateway) -> None:
    await pay(gateway, "one")
    await pay(gateway, "two", amount="5.00")
    await pay(gateway, "poor", amount="5000.00")
    await pay(gateway, "abroad", amount="20.00", destination_account="indonesia")
    await pay(gateway, "held", capture="manual")
    before = await told(gateway)
    await counting(gateway).count()

    after = await told(gateway)
    total = after["total"]
    assert (before["total"]["outcomes"], before["waiting_events"] > 0) == (0, True)
    assert (total["outcomes"], total["failed"], total["captures"]) == (5, 1, 3)
    assert (total["volume"], total["unpriced"], after["waiting_events"]) == ("35.00", 0, 0)
    assert float(total["success_rate"]) == 0.8
    assert total["p95_seconds"] >= 0
    abroad, home = after["corridors"][:2]
    assert (abroad["destination_currency"], abroad["captured_amount"]) == ("IDR", "20.00")
    assert (home["source_currency"], home["captured_amount"]) == ("USD", "15.00")
    # 50 basis points of 20.00, in rupiah and back.
    assert abroad["spread_earned"] == total["spread_earned"] == "0.10"
    assert len(after["spans"]) == 30
    assert after["spans"][-1]["volume"] == "35.00"

    # A capture later is no second outcome, and what is given back takes nothing off.
    await gateway.call("POST", "/payments/held/capture", {"amount": "4.00"})
    key = {"idempotency-key": "back"}
    await gateway.call("POST", "/payments/held/refunds", {"amount": "1.00"}, headers=key)
    await counting(gateway).count()
    total = (await told(gateway))["total"]
    assert (total["outcomes"], total["captures"], total["volume"]) == (5, 4, "39.00")

    # All merchants together are told to the audit alone.
    assert (await told(gateway, "?of=all"))["total"]["captures"] == 4
    reader = gateway.issue_key("demo", "read")
    assert (await gateway.call("GET", "/figures?of=all", key=reader)).status == 403
    assert (await gateway.call("GET", "/figures?period=year")).status == 422


async def test_each_period_forgets_in_its_own_time(gateway: JoinedGateway) -> None:
    assert isinstance(gateway.clock, ManualClock)
    await pay(gateway, "once")
    await counting(gateway).count()
    seen = []
    for hours in (0, 1, 23, 144):
        gateway.clock.advance(seconds=hours * 3600)
        await counting(gateway).forget()
        periods = [await told(gateway, f"?period={p}") for p in ("hour", "day", "week")]
        seen.append([period["total"]["captures"] for period in periods])
    assert seen == [[1, 1, 1], [0, 1, 1], [0, 0, 1], [0, 0, 0]]


async def test_of_two_that_count_the_same_one_adds_and_what_cannot_be_read_stops_neither(
    gateway: JoinedGateway, database_url: str
) -> None:
    await pay(gateway, "abroad", destination_account="indonesia")
    database = Database.open(database_url)
    try:
        broken = update(payments).where(payments.c.payment_id == "abroad").values(exchange={})
        await database.write(lambda c: c.execute(broken))
        assert (await database.read(lambda c: uncounted(c, 100))).seen == []
        both = [await database.read(lambda c: uncounted(c, 100)) for _ in range(2)]
        added = [await database.write(lambda c, e=e: add_figures(c, e, {})) for e in both]
        await pay(gateway, "again")
        both = [await database.read(lambda c: uncounted(c, 100)) for _ in range(2)]
        added += [await database.write(lambda c, e=e: add_figures(c, e, {})) for e in both]
    finally:
        await database.close()
    assert added == [True, False, True, False]
    await asyncio.gather(*(counting(gateway).count() for _ in range(3)))
    assert (await told(gateway))["waiting_events"] == 0


async def test_what_takes_many_steps_is_summed_the_same(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.figures.counting._AT_ONCE", 1)
    monkeypatch.setattr("payments.figures.counting._STEPS", 2)
    for number in range(5):
        await pay(gateway, f"p{number}")
    await counting(gateway).count()

    figures = await told(gateway)
    assert (figures["total"]["outcomes"], figures["total"]["volume"]) == (5, "50.00")
    assert figures["waiting_events"] == 0
