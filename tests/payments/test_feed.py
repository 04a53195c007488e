"""The feed of webhooks: the bytes that lists have, bounded pages, and one look for many events."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json
from sqlalchemy import text
from tests.payments.harness import gateway_over
from tests.payments.test_events import FORGET, FORGET_POSTGRESQL, live, pay, run
from tests.payments.test_unreadable_events import fed

from kurs.contracts.payments import EventType, FeedAnswer
from kurs.data.database import Database
from kurs_testing.joined import PAYMENTS, JoinedGateway
from kurs_testing.parts import part
from payments.domain.event_identity import told_operation
from payments.events import feed as pace
from payments.events.answers import event_bytes
from payments.events.feed import EventFeed
from payments.store.events import Event, event_page
from payments.store.feed import OPERATION, FeedPage, feed_page


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    async with gateway_over(database_url, tmp_path, {}, USD="1.00") as joined:
        yield joined


async def test_the_feed_has_the_bytes_of_lists_and_of_what_is_read_again(
    gateway: JoinedGateway, database_url: str
) -> None:
    metadata = {"a": 'quoted "payment":{', "b": "\\ back, é"}
    await pay(gateway, payment_id="p0", metadata=metadata, description='"},{"')
    await live(gateway)
    reader = gateway.issue_key("demo", "read")
    listed = (await gateway.call("GET", "/events?limit=200", key=reader)).body

    told = (await fed(gateway)).events

    assert len(told) > 6
    assert all(event.body.encode() in listed for event in told)
    database = Database.open(database_url)
    page = await database.read(lambda c: event_page(c, "demo", 0, 200))
    await database.close()
    for event in page.items:
        assert isinstance(event, Event)
        assert to_json(from_json(body := event_bytes(event))) == body


async def test_no_payment_is_read_for_events_of_operations_that_were_not_sampled(
    gateway: JoinedGateway, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(gateway)
    reader = gateway.issue_key("demo", "read")
    sampled = (await fed(gateway)).events
    await run(database_url, ["UPDATE operations SET traceparent = NULL"])
    database = Database.open(database_url)
    query = text("SELECT payment_id, trace_id FROM payments")
    traces = dict(await database.read(lambda c: c.execute(query).all()))
    await database.close()
    read: list[Any] = []
    monkeypatch.setattr("payments.store.events.read_payment", read.append)

    told = (await fed(gateway)).events
    captured = await gateway.call("GET", "/events?type=payment.captured", key=reader)

    assert not read
    assert len(traces) > 2
    for event, before in zip(told, sampled, strict=True):
        was = from_json(before.body)
        if event.type != EventType.DEPOSIT_SUCCEEDED:
            was["trace_id"] = traces[event.payment_id]
        assert from_json(event.body) == was
        if event.type == EventType.CAPTURED:
            assert event.body.encode() in captured.body


@given(st.recursive(st.text() | st.integers() | st.none() | st.booleans(), st.lists))
def test_what_was_written_is_written_again_as_it_was(value: Any) -> None:
    """An answer need not be read and written to stand in an event."""
    assert to_json(from_json(written := to_json({"metadata": value}))) == written


async def test_sql_names_the_operation_that_an_event_tells(
    gateway: JoinedGateway, database_url: str
) -> None:
    await live(gateway)
    query = f"SELECT uid, from_status, cause, operation_id, {OPERATION} FROM payment_events"
    database = Database.open(database_url)
    rows = await database.read(
        lambda c: c.execute(text(f"{query} WHERE from_status IS NOT NULL")).all()
    )
    await database.close()

    assert {row[3] is None for row in rows} == {True, False}
    for uid, before, cause, stored, named in rows:
        assert named == (stored or told_operation(uid, before, cause))


async def test_a_page_is_bounded_in_bytes_too(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(gateway)
    whole = await fed(gateway)
    monkeypatch.setattr("payments.store.feed._MAX_BYTES", 1)

    pages, after = [], 0
    while (page := await fed(gateway, after)).next_after != after:
        assert page.next_id == page.events[-1].id
        pages, after = [*pages, page.events], page.next_after

    assert [len(events) for events in pages] == [1] * len(whole.events)
    assert [event for events in pages for event in events] == whole.events


async def test_the_next_look_waits_for_as_much_as_the_last_one_found(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []
    read = part(gateway.apps["payments"], EventFeed).next_page

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    await pay(gateway)
    monkeypatch.setattr(pace, "_MOST_REST_SECONDS", 500.0)
    monkeypatch.setattr(pace, "_REST_SECONDS_EACH", 200.0)
    # Of this module alone: everything else goes on as ever.
    monkeypatch.setattr(pace, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": rest}))
    page = await read(0, 200, 1000.0)
    await pay(gateway, payment_id="p2")
    rests.clear()

    after_two = await read(page.next_after, 200, 1000.0)
    at_once = await read(0, 1, 0.0)
    await read(0, 200, 1000.0)

    assert [len(each.items) for each in (page, after_two, at_once)] == [1, 1, 1]
    # 200 for each of two events; none for who does not wait, nor after a page that was full.
    assert 300 < rests[0] <= 400
    assert max(rests[1:]) <= 0


async def test_what_is_asked_wrongly_is_said(gateway: JoinedGateway) -> None:
    asked = await gateway.send(PAYMENTS, "GET", "/events/feed?after=0&limit=0&more=1")
    twice = await gateway.send(PAYMENTS, "GET", "/events/feed?after=0&after=1")

    assert (asked.status, twice.status) == (422, 422)
    assert {e["field"] for e in asked.json()["errors"]} == {"limit", "more"}
    assert [e["field"] for e in twice.json()["errors"]] == ["after"]


async def test_what_was_set_back_while_the_reader_waits_shows_in_the_page(
    gateway: JoinedGateway, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = asyncio.Event()

    def look(*args: Any, **kwargs: Any) -> FeedPage:
        page = feed_page(*args, **kwargs)
        loop.call_soon_threadsafe(looked.set)
        return page

    loop = asyncio.get_running_loop()
    await pay(gateway, payment_id="p1")
    before = await fed(gateway)
    monkeypatch.setattr(pace, "feed_page", look)
    query = f"after={before.next_after}&limit=200&wait_seconds=8&wanted_by=demo"
    reading = asyncio.create_task(gateway.send(PAYMENTS, "GET", f"/events/feed?{query}"))
    await looked.wait()
    forget = FORGET if database_url.startswith("sqlite") else FORGET_POSTGRESQL
    moved = f"UPDATE payment_events SET at = at + 1 WHERE sequence = {before.next_after}"
    await run(database_url, [forget, moved])
    await pay(gateway, payment_id="p2")
    page = FeedAnswer.model_validate_json((await reading).body)
    assert page.events
    assert page.after_id not in (None, before.next_id)
