"""The stream of events: where it begins, where it goes on, and how it ends none."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.system.paying import pay

from kurs.calls import Request
from kurs_testing.joined import GATEWAY, JoinedGateway

Make = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.usefixtures("conserved")


async def test_events_resume_after_the_last_one_seen(gateway: JoinedGateway, payment: Make) -> None:
    await pay(gateway, payment("p1"))
    first = await read_events(gateway, {}, after=0, count=2)
    assert [(e["from"], e["to"]) for e in first] == [(None, "RECEIVED"), ("RECEIVED", "CAPTURED")]
    last = {"last-event-id": str(first[-1]["sequence"])}
    for i in range(2, 12):
        await pay(gateway, payment(f"p{i}"))
    rest = await read_events(gateway, last, after=None, count=20)
    assert sorted({e["payment_id"] for e in rest}) == sorted(f"p{i}" for i in range(2, 12))
    sequences = [e["sequence"] for e in rest]
    assert sequences == sorted(sequences)


async def test_a_stream_says_where_it_begins_before_its_first_event(
    gateway: JoinedGateway, payment: Make
) -> None:
    """So a client whose connection breaks while nothing happens misses nothing."""
    await pay(gateway, payment("p1"))
    request = Request("GET", f"{GATEWAY}/payments/events", timeout=60)
    request.headers["authorization"] = f"Bearer {gateway.key}"
    async with asyncio.timeout(60), gateway.transport.stream(request) as answer:
        first = await anext(aiter(answer.chunks))
    began = first.decode().partition("id: ")[2].split()[0]
    await pay(gateway, payment("p2"))

    events = await read_events(gateway, {"last-event-id": began}, after=None, count=2)

    assert [(e["payment_id"], e["to"]) for e in events] == [("p2", "RECEIVED"), ("p2", "CAPTURED")]


async def blocks(gateway: JoinedGateway, headers: dict[str, str], query: str = "") -> list[str]:
    """Return the blocks of a stream that a client sees until it is idle twice."""
    text = await read_until(gateway, headers, query, lambda seen: seen.count(": idle") >= 3)
    lines = [line for line in text.split("\n") if not line.startswith(":")]
    return [block for block in "\n".join(lines).split("\n\n") if block.strip("\n") or block]


async def test_no_comment_ends_an_event(gateway: JoinedGateway, payment: Make) -> None:
    """Clients exist that hand on an empty event at each blank line."""
    await pay(gateway, payment("p1"))

    resumed = await blocks(gateway, {}, "?after=1")
    began = await blocks(gateway, {})

    assert all("data: " in block for block in resumed + began)
    assert [block.split("\n")[0] for block in began] == ["event: start"]


async def test_an_id_that_is_ahead_of_the_ledger_is_told_so_and_goes_on_from_the_newest(
    gateway: JoinedGateway, payment: Make
) -> None:
    await pay(gateway, payment("p1"))

    (reset,) = await blocks(gateway, {"last-event-id": "900"})

    lines = dict(line.split(": ", 1) for line in reset.split("\n"))
    assert (lines["event"], lines["id"]) == ("reset", "2")
    assert json.loads(lines["data"]) == {"after": 2, "asked": 900}
    events = await read_events(gateway, {"last-event-id": lines["id"]}, after=None, count=0)
    assert events == []


@pytest.mark.parametrize("headers", [{"last-event-id": ""}, {"last-event-id": " "}])
async def test_an_empty_id_is_none(gateway: JoinedGateway, headers: dict[str, str]) -> None:
    for query in ("", "?after="):
        assert (await blocks(gateway, headers, query))[0].startswith("event: start")


@pytest.mark.parametrize("text", ["abc", "-1", "1.5", "evt_0a", "9" * 30])
async def test_an_id_that_is_none_of_ours_is_refused(gateway: JoinedGateway, text: str) -> None:
    request = Request("GET", f"{GATEWAY}/payments/events", timeout=60)
    request.headers.extend({"authorization": f"Bearer {gateway.key}", "last-event-id": text})

    answer = await gateway.transport.send(request)

    assert answer.status == 422
    assert answer.json()["errors"][0]["field"] == "Last-Event-ID"


async def read_events(
    gateway: JoinedGateway, headers: dict[str, str], *, after: int | None, count: int
) -> list[dict[str, Any]]:
    query = "" if after is None else f"?after={after}"
    seen = await read_until(gateway, headers, query, lambda text: len(events_in(text)) >= count)
    return events_in(seen)


def events_in(text: str) -> list[dict[str, Any]]:
    return [
        json.loads(line.removeprefix("data:"))
        for line in text.splitlines()
        if line.startswith("data:")
    ]


async def read_until(
    gateway: JoinedGateway, headers: dict[str, str], query: str, is_enough: Callable[[str], bool]
) -> str:
    """Return what a stream has said when that is enough."""
    request = Request("GET", f"{GATEWAY}/payments/events{query}", timeout=60)
    request.headers.extend({"authorization": f"Bearer {gateway.key}", **headers})
    text = ""
    async with asyncio.timeout(60), gateway.transport.stream(request) as answer:
        assert answer.status == 200
        async for chunk in answer.chunks:
            text += chunk.decode()
            if is_enough(text):
                return text
    raise AssertionError("the stream ended early")
