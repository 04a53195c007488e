"""What a payment's rows do not say twice, and keep as long as somebody needs it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.payments.harness import BODY, gateway_over

from kurs.data.database import Database
from kurs_testing.joined import JoinedGateway


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    async with gateway_over(database_url, tmp_path, {}, settlement_currency="IDR") as joined:
        yield joined


async def stored(database_url: str, query: str) -> list[tuple[Any, ...]]:
    database = Database.open(database_url)
    rows = await database.read(lambda c: [tuple(row) for row in c.execute(text(query))])
    await database.close()
    return rows


async def act(gateway: JoinedGateway, path: str, **body: Any) -> None:
    headers = {"idempotency-key": path}
    answer = await gateway.call("POST", f"/payments/{path}", body, headers=headers)
    assert answer.status == 200, answer.body


async def test_a_quote_is_kept_until_nothing_goes_by_it_any_more(
    gateway: JoinedGateway, database_url: str
) -> None:
    quoted = "SELECT payment_id, quote IS NOT NULL FROM payments ORDER BY payment_id"
    for payment_id in ("p2", "p3"):
        await gateway.call(
            "POST", "/payments", {**BODY, "payment_id": payment_id, "capture": "manual"}
        )
    await gateway.call("POST", "/payments", BODY)
    assert await stored(database_url, quoted) == [("p1", 0), ("p2", 1), ("p3", 1)]

    await act(gateway, "p2/capture")
    await act(gateway, "p3/void")
    assert await stored(database_url, quoted) == [("p1", 0), ("p2", 0), ("p3", 0)]
    # What it was paid at, and what goes back, is told by the rate.
    await act(gateway, "p1/refunds", amount="2.50")
    assert (await gateway.call("GET", "/payments/p1")).json()["fx"]["quote_id"]
    again = await gateway.call("POST", "/payments", BODY)
    assert again.headers["idempotent-replayed"] == "true"


async def test_an_event_names_its_operation_where_nothing_else_tells_it(
    gateway: JoinedGateway, database_url: str
) -> None:
    await gateway.call("POST", "/payments", BODY)
    await gateway.call("POST", "/payments", {**BODY, "payment_id": "p2", "capture": "manual"})
    await act(gateway, "p2/capture")
    await act(gateway, "p1/refunds", amount="2.50")

    told = "SELECT cause, operation_id IS NOT NULL FROM payment_events ORDER BY sequence"
    assert await stored(database_url, told) == [
        *[("requested", 0), ("paid", 0), ("requested", 0), ("paid", 0)],
        *[("capture", 0), ("refund", 1)],
    ]
    events = (await gateway.call("GET", "/events")).json()["items"]
    assert all(event["payment"]["payment_id"] == event["payment_id"] for event in events)
    assert events[-1]["refund"]["refund_id"]
