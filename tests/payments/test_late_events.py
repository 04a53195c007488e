"""Somebody keeps the order of events: payments go on, and their events get their places later."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url
from tests.payments.harness import BODY, gateway_over

from kurs_testing.waiting import eventually

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def order_kept(url: str) -> AsyncIterator[None]:
    """Hold the lock of the events, as a backend does that hangs in its commit."""
    where = make_url(url)
    other = await asyncpg.connect(
        host=str(where.query["host"]), user="postgres", database=where.database
    )
    try:
        async with other.transaction():
            await other.execute("SELECT pg_advisory_xact_lock(7236)")
            yield
    finally:
        await other.close()


async def test_payments_do_not_wait_for_their_place_among_the_events(
    postgres_url: str, tmp_path: Path
) -> None:
    async with gateway_over(postgres_url, tmp_path, {"payments": {"sweep_seconds": 0.05}}) as shop:

        async def told() -> list[tuple[str, str]]:
            page = (await shop.call("GET", "/events?after=0")).json()
            return [(e["payment_id"], e["type"]) for e in page["items"]]

        async with order_kept(postgres_url):
            for number in range(3):
                body = {**BODY, "payment_id": f"late-{number}"}
                answer = await shop.call("POST", "/payments", body)
                assert (answer.status, answer.json()["status"]) == (200, "CAPTURED")
            assert await told() == []

        async def all_told() -> bool:
            return len(await told()) == 6

        await eventually(all_told)
        seen = await told()
        for number in range(3):
            types = [kind for payment, kind in seen if payment == f"late-{number}"]
            assert len(types) == 2
            assert "captured" in types[1]
