"""Somebody keeps the order of events: payments go on, and their events get their places later."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection, make_url, select
from sqlalchemy.util import await_only
from tests.payments.harness import BODY, gateway_over

from kurs.data.database import Database
from kurs.data.migrations import migrate
from kurs_testing.clock import ManualClock
from kurs_testing.waiting import eventually
from payments.migrations import VERSIONS
from payments.store import event_order
from payments.store.tables import events

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

        def age() -> float | None:
            registry = shop.telemetry["payments"].registry
            return registry.get_sample_value("kurs_payments_oldest_late_event_seconds")

        async def someone_waits() -> bool:
            return (age() or 0) > 0

        async def nobody_waits() -> bool:
            return age() == 0

        async with order_kept(postgres_url):
            for number in range(3):
                body = {**BODY, "payment_id": f"late-{number}"}
                answer = await shop.call("POST", "/payments", body)
                assert (answer.status, answer.json()["status"]) == (200, "CAPTURED")
            assert await told() == []
            assert isinstance(shop.clock, ManualClock)
            shop.clock.advance(seconds=1)
            await eventually(someone_waits)

        async def all_told() -> bool:
            return len(await told()) == 6

        await eventually(all_told)
        await eventually(nobody_waits)
        seen = await told()
        for number in range(3):
            types = [kind for payment, kind in seen if payment == f"late-{number}"]
            assert len(types) == 2
            assert "captured" in types[1]


def event_of(uid: str) -> tuple[Any, ...]:
    return (uid, "demo", "RECEIVED", "CAPTURED", "paid", "key", 1, None, None)


async def test_what_is_put_aside_while_others_get_their_places_is_kept(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await asyncio.to_thread(migrate, postgres_url, VERSIONS)
    database = Database.open(postgres_url)
    numbered, commit = asyncio.Event(), asyncio.Event()

    def slow_to_commit(connection: Connection) -> None:
        event_order.append_events(connection, [event_of("demo:slow")])
        numbered.set()
        await_only(commit.wait())

    async with order_kept(postgres_url):
        slow = asyncio.create_task(database.write(slow_to_commit))
        await numbered.wait()
        await database.write(lambda c: event_order.append_events(c, [event_of("demo:quick")]))

    async def end_slow() -> None:
        commit.set()
        await slow

    insert = event_order.insert_rows

    def insert_once_slow_ended(*of: Any, **named: Any) -> int:
        await_only(end_slow())
        return insert(*of, **named)

    monkeypatch.setattr(event_order, "insert_rows", insert_once_slow_ended)
    await database.write(event_order.append_late_events)
    monkeypatch.undo()
    await database.write(event_order.append_late_events)
    told = await database.read(lambda c: c.execute(select(events.c.uid)).scalars().all())
    await database.close()
    assert sorted(told) == ["demo:quick", "demo:slow"]
