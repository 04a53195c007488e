"""A stored payment or answer that cannot be read stops no event of another one, for any reader."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.payments.harness import BODY, gateway_over

from kurs.contracts.payments import FeedAnswer
from kurs.data.database import Database
from kurs_testing.joined import PAYMENTS, JoinedGateway
from kurs_testing.parts import part
from payments.events.answers import EventTeller
from payments.events.feed import EventFeed
from payments.events.stream import stream_of

BREAK = {
    "a rate that is none": "UPDATE payments SET exchange = '\"x\"' WHERE payment_id = 'p2'",
    "a currency that is none": "UPDATE payments SET currency = 'Q' WHERE payment_id = 'p2'",
    "an answer that is none": "UPDATE operations SET answer = {no} WHERE operation_id = 'pay:'||"
    "(SELECT uid FROM payments WHERE payment_id = 'p2')",
    "no JSON": "UPDATE payments SET metadata = 'no' WHERE payment_id = 'p2'",
}


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    async with gateway_over(database_url, tmp_path, {}) as joined:
        for number in range(1, 4):
            body = {**BODY, "payment_id": f"p{number}"}
            assert (await joined.call("POST", "/payments", body)).status == 200
        yield joined


async def break_one(database_url: str, what: str) -> None:
    lite = database_url.startswith("sqlite")
    if what == "no JSON" and not lite:
        pytest.skip("PostgreSQL stores JSON only")
    database = Database.open(database_url)
    statement = BREAK[what].replace("{no}", "x'7b'" if lite else r"'\x7b'::bytea")
    changed = await database.write(lambda c: c.execute(text(statement)).rowcount)
    await database.close()
    assert changed == 1


async def fed(
    gateway: JoinedGateway, after: int = 0, limit: int = 200, wanted_by: str | None = None
) -> FeedAnswer:
    path = f"/events/feed?after={after}&limit={limit}"
    if wanted_by is not None:
        path += f"&wanted_by={wanted_by}"
    answer = await gateway.send(PAYMENTS, "GET", path)
    assert answer.status == 200, answer.body
    return FeedAnswer.model_validate_json(answer.body)


async def streamed(gateway: JoinedGateway, until: int) -> Sequence[str]:
    """Return the names of the events that the stream has up to a sequence."""
    app, seen = gateway.apps["payments"], []
    events = stream_of(part(app, EventFeed), part(app, EventTeller), "demo", 0, until, full=False)
    async for piece in events:
        lines: dict[str, Any] = dict(
            line.split(": ", 1) for line in piece.decode().splitlines() if ": " in line
        )
        if "event" in lines:
            seen.append(lines["event"])
        if lines.get("id") == str(until):
            break
    return seen


@pytest.mark.parametrize("what", BREAK)
async def test_what_cannot_be_read_is_marked_and_those_after_it_are_told(
    gateway: JoinedGateway, database_url: str, what: str
) -> None:
    whole = await fed(gateway)
    before = (await gateway.call("GET", "/events")).json()["items"]
    sequences = [e["sequence"] for e in before]
    asked, captured = (e["sequence"] for e in before if e["payment_id"] == "p2")
    assert (len(whole.events), whole.unreadable, len(sequences)) == (3, [], 6)
    await break_one(database_url, what)
    # An answer tells its event alone, whatever has become of the payment since.
    lost = captured if what == "an answer that is none" else asked

    page = await fed(gateway)

    assert page.unreadable == [lost] * (lost == captured)
    assert page.events == [e for e in whole.events if e.sequence not in page.unreadable]
    assert page.next_after == sequences[-1]
    alone = await fed(gateway, captured - 1, 1)
    assert [*alone.unreadable, *(e.sequence for e in alone.events)] == [captured]
    assert (alone.next_after, alone.next_id) == (captured, whole.events[1].id)
    listed = (await gateway.call("GET", "/events")).json()
    # A key that sees everything is shown more of a payment, which may be what cannot be read.
    assert {lost} <= set(listed["unreadable"]) <= {asked, captured}
    told = [e["sequence"] for e in listed["items"]]
    assert sorted([*listed["unreadable"], *told]) == sequences
    marked = ["unreadable" if s == lost else "payment" for s in sequences]
    assert await streamed(gateway, sequences[-1]) == marked
    registry = gateway.telemetry["payments"].registry
    assert (registry.get_sample_value("kurs_payments_unreadable_events_total") or 0) > 0


@pytest.mark.parametrize("answer", ["7b", "5b5d", "7b2261223a22ff227d", "7b7d7b7d"])
async def test_an_answer_that_is_no_json_object_spoils_no_page(
    gateway: JoinedGateway, database_url: str, answer: str
) -> None:
    whole = await fed(gateway)
    value = f"x'{answer}'" if database_url.startswith("sqlite") else f"'\\x{answer}'::bytea"
    database = Database.open(database_url)
    where = "operation_id = 'pay:demo:p2'"
    broken = text(f"UPDATE operations SET answer = {value} WHERE {where}")
    await database.write(lambda c: c.execute(broken))
    await database.close()

    page = await fed(gateway)

    assert page.unreadable == [whole.events[1].sequence]
    assert page.events == [whole.events[0], whole.events[2]]


async def test_a_page_names_the_events_at_its_two_ends(gateway: JoinedGateway) -> None:
    whole = await fed(gateway)
    ids = [event.id for event in whole.events]
    page = await fed(gateway, whole.events[0].sequence, 1)
    end = await gateway.send(PAYMENTS, "GET", "/events/feed")
    nowhere = await fed(gateway, whole.next_after + 5)

    assert (whole.after_id, whole.next_id) == ("", ids[-1])
    assert (page.after_id, page.next_id) == (ids[0], ids[1])
    assert end.json()["next_id"] == ids[-1]
    assert (nowhere.after_id, nowhere.next_id, nowhere.newest) == ("", "", whole.next_after)


async def test_what_nobody_wants_is_passed_over_unread(
    gateway: JoinedGateway, database_url: str
) -> None:
    whole = await fed(gateway)
    await break_one(database_url, "an answer that is none")

    others = await fed(gateway, wanted_by="shop,other")
    wanted = await fed(gateway, wanted_by="other,demo")
    second = await fed(gateway, after=wanted.events[0].sequence, limit=1, wanted_by="demo")

    assert (others.events, others.unreadable) == ([], [])
    assert (others.next_after, others.next_id) == (whole.next_after, whole.next_id)
    assert [e.type for e in wanted.events] == ["payment.captured"] * 2
    assert len(wanted.unreadable) == 1
    assert wanted.next_after == whole.next_after
    assert second.next_after == wanted.unreadable[0]


async def test_a_reader_is_told_how_far_it_has_passed_over_what_it_does_not_want(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = (await fed(gateway)).next_after
    monkeypatch.setattr("payments.store.feed.LOOKED_AT", 2)

    first = await fed(gateway, wanted_by="other")
    nobody = await fed(gateway, wanted_by="")
    waited = await part(gateway.apps["payments"], EventFeed).next_page(0, 200, 0.5, ["other"])

    assert (first.events, first.next_after) == ([], 2)
    assert (nobody.events, nobody.next_after) == ([], end)
    assert (waited.items, waited.next_after) == ([], end)
