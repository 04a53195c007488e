"""Whoever paid does not decide on the payment, and every move says by which key it was made."""

import json
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from kurs_testing.joined import WALLET, JoinedGateway
from kurs_testing.parts import part
from payments.events.feed import EventFeed

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
LARGE = "6000.00"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    stream = StringIO()
    monkeypatch.setattr("kurs.telemetry.service.standard_output", lambda: stream)
    return stream


@pytest.fixture
async def gateway(tmp_path: Path, log: StringIO) -> AsyncIterator[JoinedGateway]:
    overrides = {"payments": {"four_eyes": True}}
    async with JoinedGateway(tmp_path, SAMPLES, overrides=overrides) as joined:
        await joined.open_and_fund("alice", USD="100000.00")
        await joined.open_and_fund("bob")
        yield joined


async def in_review(gateway: JoinedGateway, payment_id: str, key: str | None = None) -> None:
    body = {
        "payment_id": payment_id,
        "amount": LARGE,
        "currency": "USD",
        "source_account": "alice",
        "destination_account": "bob",
    }
    answer = await gateway.call("POST", "/payments", body, key=key)
    assert answer.json()["status"] == "REVIEW", answer.body


def audited(text: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in text.splitlines()]
    return [line for line in lines if line["event"] == "audit" and "payment_id" in line]


@pytest.mark.parametrize(("action", "status"), [("approve", "CAPTURED"), ("refuse", "FAILED")])
async def test_the_key_that_paid_does_not_decide(
    gateway: JoinedGateway, log: StringIO, action: str, status: str
) -> None:
    other = gateway.issue_key("demo")
    await in_review(gateway, "p1")

    refused = await gateway.call("POST", f"/payments/p1/{action}", {})
    assert (refused.status, refused.json()["code"]) == (403, "four_eyes")
    assert refused.json()["errors"][0]["hint"]
    assert (await gateway.call("GET", "/payments/p1")).json()["status"] == "REVIEW"

    decided = await gateway.call("POST", f"/payments/p1/{action}", {}, key=other)
    assert decided.json()["status"] == status
    lines = audited(log.getvalue())
    assert [(line["action"], line["outcome"]) for line in lines] == [
        (action, "four_eyes"), (action, "done"),
    ]  # fmt: skip
    assert {line["payment_id"] for line in lines} == {"p1"}
    assert len({line["actor"] for line in lines}) == 2


async def test_a_repeat_by_another_key_does_not_make_it_the_payer(gateway: JoinedGateway) -> None:
    other = gateway.issue_key("demo")
    await in_review(gateway, "p1")
    await in_review(gateway, "p1", key=other)

    own = await gateway.call("POST", "/payments/p1/approve", {})
    assert (own.status, own.json()["code"]) == (403, "four_eyes")
    assert (await gateway.call("POST", "/payments/p1/approve", {}, key=other)).status == 200


async def test_a_payment_that_is_not_there_is_not_found(gateway: JoinedGateway) -> None:
    answer = await gateway.call("POST", "/payments/none/approve", {})
    assert (answer.status, answer.json()["code"]) == (404, "payment_not_found")


async def test_every_move_names_merchant_and_key(gateway: JoinedGateway) -> None:
    other = gateway.issue_key("demo")
    await in_review(gateway, "p1")
    assert (await gateway.call("POST", "/payments/p1/approve", {}, key=other)).status == 200

    feed = part(gateway.apps["payments"], EventFeed)
    told = []
    async for event in feed.follow("demo", 0):
        told.append((event.cause, event.actor))
        if event.cause == "approve":
            break

    payer, reviewer = (f"demo/{key.split('_')[2]}" for key in (gateway.key, other))
    assert told == [("requested", payer), ("paid", payer), ("approve", reviewer)]
    for transfer, actor in (("pay", payer), ("approve", reviewer)):
        stored = (await gateway.send(WALLET, "GET", f"/transfers/{transfer}:demo:p1")).json()
        assert stored["stored"]["actor"] == actor
    deposit = (await gateway.send(WALLET, "GET", "/transfers/dep:demo:alice-USD")).json()
    assert deposit["stored"]["actor"] == payer
