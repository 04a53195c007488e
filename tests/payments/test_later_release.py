"""What a later release stored is read by this one: told as it is, left alone, and never a 500."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.later_release import store_as_later
from tests.payments.harness import BODY, gateway_over
from tests.payments.test_waves import to

from kurs_testing.asgi import FaultKind
from kurs_testing.clock import ManualClock
from kurs_testing.joined import WALLET, JoinedGateway
from kurs_testing.parts import part
from payments.events.feed import EventFeed
from payments.sweeper import Sweeper

OVERRIDES = {"payments": {"sweep_seconds": 3600.0, "four_eyes": False}}
EXCHANGE = {
    "quote_id": "q", "mid": "15920", "spread_bps": 0, "rate": "15920", "source": "s", "as_of": 1,
    "config_revision": "r", "venue": "moon",
}  # fmt: skip
LATER = {
    "a status": "UPDATE payments SET status = 'DISPUTED'",
    "a failure": "UPDATE payments SET status = 'FAILED', failure = "
    """'{"code": "moon_phase", "message": "full moon", "since": 1}'""",
    "a way to capture": "UPDATE payments SET capture = 'scheduled'",
    "a member of a rate": f"UPDATE payments SET exchange = '{json.dumps(EXCHANGE)}'",
    "a member of a decision": "UPDATE payments SET risk = "
    """'{"decision": "challenge", "score": 1, "reasons": [], "config_revision": "r", "more": 1}'""",
    "a kind of operation": "UPDATE operations SET kind = 'dispute'",
    "a first answer": "UPDATE operations SET answer_status = 207",
    "an event": "INSERT INTO payment_events (uid, merchant, from_status, to_status, cause, actor, "
    "at) SELECT uid, merchant, status, 'DISPUTED', 'dispute', 'x', 1 FROM payments",
}


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    async with gateway_over(database_url, tmp_path, OVERRIDES) as joined:
        yield joined


async def everything(gateway: JoinedGateway) -> dict[str, tuple[int, Any]]:
    """Ask everything that can be asked about p1, and return what was answered."""
    asked: list[tuple[str, str, Any]] = [
        ("GET", "/payments/p1", None),
        ("GET", "/payments?limit=5", None),
        ("POST", "/payments", BODY),
        ("POST", "/payments/p1/capture", {}),
        ("POST", "/payments/p1/void", {}),
        ("POST", "/payments/p1/approve", {}),
        ("POST", "/payments/p1/refuse", {}),
        ("POST", "/payments/p1/refunds", {"amount": "1.00"}),
    ]
    answers = {}
    for method, path, body in asked:
        headers = {"idempotency-key": "r"} if path.endswith("refunds") else {}
        answer = await gateway.call(method, path, body, headers=headers)
        answers[f"{method} {path}"] = (answer.status, answer.json())
    return answers


@pytest.mark.parametrize("capture", ["automatic", "manual"])
@pytest.mark.parametrize("statement", LATER.values(), ids=LATER)
async def test_it_is_read_by_the_release_before(
    gateway: JoinedGateway, database_url: str, statement: str, capture: str
) -> None:
    paid = await gateway.call("POST", "/payments", {**BODY, "capture": capture})
    assert paid.status == 200
    await store_as_later(database_url, statement)

    answers = await everything(gateway)
    await part(gateway.apps["payments"], Sweeper).sweep()

    assert {name: a for name, a in answers.items() if a[0] >= 500} == {}
    assert answers["GET /payments/p1"][0] == answers["GET /payments?limit=5"][0] == 200
    events = part(gateway.apps["payments"], EventFeed)
    followed = [event async for event in _until_idle(events.follow("demo", 0))]
    assert followed[0].to_status == "RECEIVED"


async def _until_idle(events: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for event in events:
        if event is None:
            return
        yield event


async def test_an_unknown_status_is_told_and_allows_nothing(
    gateway: JoinedGateway, database_url: str
) -> None:
    assert (await gateway.call("POST", "/payments", BODY)).status == 200
    await store_as_later(database_url, LATER["a status"])

    answers = await everything(gateway)

    assert answers["GET /payments/p1"][1]["status"] == "DISPUTED"
    actions = {name: status for name, (status, _) in answers.items() if "/p1/" in name}
    assert set(actions.values()) == {409}
    # A repeated request still is the same one: the first answer again.
    assert answers["POST /payments"][0] == 200


async def test_an_unknown_failure_is_told_as_one_without_a_code_and_kept(
    gateway: JoinedGateway, database_url: str
) -> None:
    assert (await gateway.call("POST", "/payments", BODY)).status == 200
    await store_as_later(database_url, LATER["a failure"])

    merchant = gateway.issue_key("demo", "read")
    told = (await gateway.call("GET", "/payments/p1", key=merchant)).json()["failure"]

    message = "refused for a reason that has no code here"
    assert told == {"code": "refused", "message": message}


@pytest.mark.parametrize("statement", [LATER["a status"], LATER["a kind of operation"]])
async def test_what_is_open_is_left_to_those_who_know_it(
    gateway: JoinedGateway, database_url: str, statement: str
) -> None:
    gateway.transport.inject(WALLET, FaultKind.UNREACHABLE)
    assert (await gateway.call("POST", "/payments", BODY)).status in (202, 503)
    gateway.transport.heal(WALLET)
    await store_as_later(database_url, statement)
    assert isinstance(gateway.clock, ManualClock)
    gateway.clock.advance(seconds=60)

    again = await gateway.call("POST", "/payments", BODY)
    taken = await part(gateway.apps["payments"], Sweeper).sweep()

    assert (again.status, again.json()["code"], taken) == (409, "operation_in_progress", 0)


async def test_a_decision_that_is_not_known_is_no_answer_yet(
    gateway: JoinedGateway, tmp_path: Path
) -> None:
    gateway.transport.inject(WALLET, FaultKind.UNREACHABLE, matches=to("/transfers/batch"))
    assert (await gateway.call("POST", "/payments", BODY)).status == 202
    gateway.transport.heal(WALLET)
    risk = f"sqlite:///{tmp_path / 'risk.db'}"
    await store_as_later(risk, "UPDATE decisions SET outcome = 'challenge'")
    assert isinstance(gateway.clock, ManualClock)
    gateway.clock.advance(seconds=60)

    told = (await gateway.call("POST", "/payments", BODY)).json()

    assert (told["status"], told["waits_for"]) == ("PROCESSING", "risk")
    assert await gateway.balance("alice", "USD") == "100.00"
