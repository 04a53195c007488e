"""Whatever somebody sends again or tries by hand leaves one audit line, also when it is refused."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from tests.webhooks.harness import Webhooks, webhooks_over
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_delivery import begun

REDELIVER = "/deliveries/{}/redeliver"
REPLAY = "/event-destinations/{}/replay"
TEST = "/event-destinations/{}/test"


async def commanded(webhooks: Webhooks, receiver: Receiver) -> list[Any]:
    """Do each command, and what none is done for; return the answers to the tests."""
    webhooks.destination("orders", receiver.url)
    webhooks.destination("foreign", receiver.url, merchant="rival")
    await begun(webhooks)
    webhooks.fed.happen("p1")
    await receiver.until(1)

    for name in ("orders.1", "orders.9", "foreign.1", "what"):
        await webhooks.call("POST", REDELIVER.format(name))
    for name in ("orders", "foreign"):
        await webhooks.call("POST", REPLAY.format(name), {"after": 0})
    return [(await webhooks.call("POST", TEST.format(n))).json() for n in ("orders", "foreign")]


async def test_each_command_leaves_one_audit_line_with_its_actor_and_its_outcome(
    tmp_path: Path, sqlite_url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = StringIO()
    monkeypatch.setattr("kurs.telemetry.service.standard_output", lambda: log)
    async with webhooks_over(tmp_path / "run", sqlite_url) as webhooks:
        tried = await commanded(webhooks, receiver)

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [line for line in lines if line["event"] == "audit"]
    facts = ("action", "outcome", "destination", "sequence")
    missing, unknown = "delivery_not_found", "destination_not_found"
    assert [tuple(line.get(fact) for fact in facts) for line in told] == [
        ("redeliver", "done", "orders", 1), ("redeliver", missing, "orders", 9),
        ("redeliver", missing, "foreign", 1), ("redeliver", missing, "what", None),
        ("replay", "done", "orders", 0), ("replay", unknown, "foreign", 0),
        ("test", "done", "orders", None), ("test", unknown, "foreign", None),
    ]  # fmt: skip
    assert {line["actor"] for line in told} == {"shop/k1"}
    assert [line.get("event_id") for line in told[-2:]] == [tried[0]["event_id"], None]
