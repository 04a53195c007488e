"""Events are what happened then: each shows the payment as it was, in bytes that never change."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.payments.harness import BODY, gateway_over

from kurs.contracts.payments import EventType
from kurs.data.database import Database
from kurs_testing.clock import ManualClock
from kurs_testing.joined import JoinedGateway
from payments.domain.event_types import DEPOSIT, DEPOSITED, OUTSIDE, event_type
from payments.domain.moves import Status

FORGET = "DROP TRIGGER payment_events_no_update"
FORGET_POSTGRESQL = "DROP TRIGGER payment_events_append_only ON payment_events"
AS_BEFORE = "UPDATE payment_events SET operation_id = NULL, asked_currency = NULL"

ENVELOPE = {
    *("id", "type", "sequence", "payment_id", "from", "to", "cause", "actor", "at", "trace_id"),
    *("is_snapshot", "refund", "payment"),
}
PAYMENT = {
    *("payment_id", "status", "amount", "currency", "source_account", "destination_account"),
    *("destination_amount", "destination_currency", "fx", "risk", "failure", "capture"),
    *("captured_amount", "refunded_amount", "description", "metadata", "hold_expires_at"),
    *("created_at", "updated_at", "trace_id", "waits_for", "open_reason"),
}


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    async with gateway_over(database_url, tmp_path, {}, USD="1.00") as joined:
        yield joined


async def pay(gateway: JoinedGateway, **changed: Any) -> None:
    answer = await gateway.call("POST", "/payments", {**BODY, **changed})
    assert answer.status in (200, 400), answer.body


async def act(gateway: JoinedGateway, path: str, key: str = "", **body: Any) -> int:
    headers = {"idempotency-key": key} if key else {}
    return (await gateway.call("POST", f"/payments/{path}", body, headers=headers)).status


async def listed(gateway: JoinedGateway, query: str = "") -> Any:
    return (await gateway.call("GET", f"/events{query}")).json()


async def run(database_url: str, statements: Sequence[str]) -> None:
    database = Database.open(database_url)
    for statement in statements:
        await database.write(lambda c, s=statement: c.execute(text(s)))
    await database.close()


async def live(gateway: JoinedGateway) -> None:
    """Let events of most types happen."""
    await pay(gateway)
    await pay(gateway, payment_id="p2", amount="999.00")
    await pay(gateway, payment_id="p3", capture="manual")
    assert await act(gateway, "p3/capture", amount="4.00") == 200
    await pay(gateway, payment_id="p4", capture="manual")
    assert await act(gateway, "p4/void") == 200
    assert await act(gateway, "p1/refunds", "r1", amount="3.00") == 200
    assert await act(gateway, "p1/refunds", "r2", amount="7.00") == 200


async def test_an_event_shows_the_payment_as_it_was(gateway: JoinedGateway) -> None:
    await live(gateway)

    items = (await listed(gateway))["items"]

    told = [(e["payment_id"], e["type"], e["payment"]["status"]) for e in items]
    assert told == [
        ("p1", "payment.requested", "PROCESSING"),
        ("p1", "payment.captured", "CAPTURED"),
        ("p2", "payment.requested", "PROCESSING"),
        ("p2", "payment.failed", "FAILED"),
        ("p3", "payment.requested", "PROCESSING"),
        ("p3", "payment.authorized", "AUTHORIZED"),
        ("p3", "payment.captured", "CAPTURED"),
        ("p4", "payment.requested", "PROCESSING"),
        ("p4", "payment.authorized", "AUTHORIZED"),
        ("p4", "payment.voided", "VOIDED"),
        ("p1", "refund.succeeded", "PARTIALLY_REFUNDED"),
        ("p1", "refund.succeeded", "REFUNDED"),
    ]
    assert all(e["is_snapshot"] for e in items)
    assert [e["payment"]["refunded_amount"] for e in items if e["payment_id"] == "p1"] == [
        "0.00", "0.00", "3.00", "10.00",
    ]  # fmt: skip
    assert [e["refund"]["amount"] for e in items if e["refund"]] == ["3.00", "7.00"]
    assert items[6]["payment"]["captured_amount"] == "4.00"
    sequences = [e["sequence"] for e in items]
    assert sequences == sorted(set(sequences))
    assert len({e["id"] for e in items}) == len(items)


async def test_the_bytes_of_an_event_never_change(gateway: JoinedGateway) -> None:
    await pay(gateway)
    before = (await gateway.call("GET", "/events?limit=2")).body
    await act(gateway, "p1/refunds", "r1", amount="3.00")

    after = (await gateway.call("GET", "/events?limit=2")).body

    assert before.rpartition(b'"has_more"')[0] == after.rpartition(b'"has_more"')[0]


async def test_a_refund_that_fails_is_an_event(gateway: JoinedGateway) -> None:
    await pay(gateway)
    # Bob pays on what came, so that too little is left to give back.
    await pay(
        gateway, payment_id="p2", source_account="bob", destination_account="alice", amount="11.00"
    )
    assert await act(gateway, "p1/refunds", "r1", amount="3.00") == 400

    (event,) = (await listed(gateway, "?type=refund.failed"))["items"]

    assert (event["from"], event["to"]) == ("CAPTURED", "CAPTURED")
    assert event["refund"]["failure"]["code"] == "insufficient_funds"
    assert event["payment"]["refunded_amount"] == "0.00"


async def test_an_action_that_came_too_late_fails_no_payment_in_its_event(
    gateway: JoinedGateway,
) -> None:
    await pay(gateway, capture="manual")
    clock = gateway.clock
    assert isinstance(clock, ManualClock)
    clock.advance(seconds=30 * 24 * 3600)
    assert await act(gateway, "p1/capture") == 400

    (event,) = (await listed(gateway, "?type=payment.expired"))["items"]

    assert event["payment"]["status"] == "EXPIRED"
    assert event["payment"]["failure"] is None


async def test_events_are_listed_by_type_and_from_where_one_was(gateway: JoinedGateway) -> None:
    await live(gateway)
    seen, after, more = [], 0, True
    while more:
        page = await listed(gateway, f"?after={after}&limit=2&type=payment.authorized")
        seen += [e["payment_id"] for e in page["items"]]
        assert len(page["items"]) <= 2
        after, more = page["next_after"], page["has_more"]
    assert seen == ["p3", "p4"]
    end = {"items": [], "next_after": after, "has_more": False}
    assert await listed(gateway, f"?after={after}") == end
    assert (await gateway.call("GET", "/events?type=payment.lost")).status == 422


async def test_a_far_away_type_is_found_page_by_page(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.store.events.LOOKED_AT", 3)
    await live(gateway)
    pages = [await listed(gateway, "?type=payment.voided&limit=1")]
    while pages[-1]["has_more"]:
        after = pages[-1]["next_after"]
        pages.append(await listed(gateway, f"?type=payment.voided&limit=1&after={after}"))
    assert [e["payment_id"] for page in pages for e in page["items"]] == ["p4"]
    assert len(pages) > 2


async def test_events_of_the_release_before_are_told_as_far_as_they_are_known(
    gateway: JoinedGateway, database_url: str
) -> None:
    await live(gateway)
    now = (await listed(gateway))["items"]
    forget = FORGET if database_url.startswith("sqlite") else FORGET_POSTGRESQL
    await run(database_url, [forget, AS_BEFORE])

    then = (await listed(gateway))["items"]

    told = [event["type"].startswith("refund.") for event in then]
    assert [event["is_snapshot"] for event in then] == [not refund for refund in told]
    assert [e for e in then if e["is_snapshot"]] == [e for e in now if e["refund"] is None]
    assert {e["payment"]["status"] for e in then if not e["is_snapshot"]} == {"REFUNDED"}


async def test_a_request_shows_the_currency_that_it_named(gateway: JoinedGateway) -> None:
    await pay(gateway)
    await pay(gateway, payment_id="p2", destination_currency="IDR")
    items = (await listed(gateway, "?type=payment.requested"))["items"]
    assert [e["payment"]["destination_currency"] for e in items] == [None, "IDR"]


async def test_other_merchants_see_none_of_them(gateway: JoinedGateway) -> None:
    await pay(gateway)
    answer = await gateway.call("GET", "/events", key=gateway.issue_key("rival"))
    assert answer.json() == {"items": [], "next_after": 0, "has_more": False}


def test_each_status_has_a_type_and_each_type_a_status() -> None:
    reached = {event_type("x", status, "paid") for status in Status}
    others = {
        event_type("CAPTURED", "CAPTURED", "refused"),
        event_type(OUTSIDE, DEPOSITED, DEPOSIT),
    }
    assert reached | others == set(EventType)
    assert event_type("CAPTURED", "DISPUTED", "dispute") == "payment.disputed"


def test_a_partial_refund_after_another_is_no_failure() -> None:
    partly = Status.PARTIALLY_REFUNDED
    assert event_type(partly, partly, "refund") == "refund.succeeded"
    assert event_type(partly, partly, "refused") == "refund.failed"


async def test_what_an_event_looks_like_stays(gateway: JoinedGateway) -> None:
    """Whoever changes this changes what was told: events that are stored get other bytes."""
    await pay(gateway)
    requested, captured = (await listed(gateway))["items"]
    assert {*requested} == {*captured} == ENVELOPE
    assert {*requested["payment"]} == PAYMENT
