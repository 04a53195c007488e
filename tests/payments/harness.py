"""Payments among its services, over a database of the test's choice, and a payment to make."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kurs.data.migrations import migrate
from kurs_testing.clock import ManualClock
from kurs_testing.joined import JoinedGateway
from payments.migrations import VERSIONS

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
BODY: Mapping[str, Any] = {
    "payment_id": "p1",
    "amount": "10.00",
    "currency": "USD",
    "source_account": "alice",
    "destination_account": "bob",
}


@asynccontextmanager
async def gateway_over(
    database_url: str, folder: Path, overrides: Mapping[str, Any], **bob: Any
) -> AsyncIterator[JoinedGateway]:
    """Join the services with payments' rows at `database_url`; alice has 100.00 USD."""
    await asyncio.to_thread(migrate, database_url, VERSIONS)
    joined = JoinedGateway(
        folder,
        SAMPLES,
        clock=ManualClock(),
        overrides=overrides,
        databases={"payments": database_url},
    )
    async with joined:
        await joined.open_and_fund("alice", USD="100.00")
        await joined.open_and_fund("bob", **bob)
        yield joined


@asynccontextmanager
async def gateway_that_knows_accounts(
    database_url: str, folder: Path, overrides: Mapping[str, Any]
) -> AsyncIterator[JoinedGateway]:
    """Join as `gateway_over`, with `indonesia` that settles in IDR, and payments knows them all."""
    async with gateway_over(database_url, folder, overrides) as joined:
        await joined.open_and_fund("indonesia", settlement_currency="IDR")
        for destination in ("bob", "indonesia"):
            body = {**BODY, "payment_id": f"to-{destination}", "destination_account": destination}
            answer = await joined.call("POST", "/payments", body)
            assert answer.status == 200, answer.body
        joined.transport.requests.clear()
        yield joined
