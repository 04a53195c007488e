"""SIGTERM to each process under load: what it was sent is answered, and it ends with code 0.

The processes are stopped from the gateway inwards, so that each still has what it depends on.
"""

import asyncio
import json
import signal
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from tests.crash.client import Client, direct_target, gateway_target
from tests.crash.conftest import MakeStack
from tests.crash.evidence import read_rows
from tests.crash.history import History
from tests.crash.sending import Load, Sent, stop_under_load
from tests.crash.workload import Plan, funding

from devstack import Stack

pytestmark = pytest.mark.crash
_PATIENT = {
    "KURS_DRAIN_SECONDS": "2",
    "KURS_PAYMENT_SECONDS": "60",
    "KURS_LEASE_SECONDS": "90",
    "KURS_REQUEST_SECONDS": "90",
}
"""Nothing is left open because the machine is slow: what is unfinished was dropped."""
_ENDS_WITHIN_SECONDS = 100
_PLAN = Plan("stop", 0, {"stop-a": None, "stop-b": None}, {("stop-a", "USD"): 10**9})


@pytest.fixture(scope="module")
def stack(make_stack: MakeStack) -> Iterator[Stack]:
    with make_stack(environment=_PATIENT) as stack:
        asyncio.run(fund(stack))
        yield stack


async def fund(stack: Stack) -> None:
    async with Client([gateway_target(stack)], History(), limit=4) as client:
        for path, body in funding(_PLAN):
            await client.until_taken("POST", path, body)


async def stopped(stack: Stack, load: Load) -> Sent:
    """Stop a process under load and hold it to what is asked of every one."""
    sent = await stop_under_load(stack, load)

    assert sent.failures == []
    assert {status for status, _ in sent.answers.values()} == {200}
    process = stack.processes[load.target.process]
    assert await asyncio.to_thread(process.wait, _ENDS_WITHIN_SECONDS)
    assert process.exit_code == 0
    print(f"{process.name}: {len(sent.answers)} answered, {sent.unheard} refused a connection")
    return sent


async def ledger(stack: Stack) -> dict[str, Any]:
    """Return status and number of postings of every transfer."""
    queries = {
        "rows": "SELECT t.transfer_id, t.status, count(p.entry_id) AS legs FROM transfers t "
        "LEFT JOIN postings p ON p.transfer_id = t.transfer_id GROUP BY t.transfer_id, t.status"
    }
    found = await read_rows(stack, "wallet", queries)
    return {row["transfer_id"]: (row["status"], row["legs"]) for row in found["rows"]}


async def pending(stack: Stack) -> list[str]:
    query = "SELECT operation_id FROM operations WHERE lease_until IS NOT NULL"
    found = await read_rows(stack, "payments", {"rows": query})
    return [row["operation_id"] for row in found["rows"]]


def payment(prefix: str, number: int) -> tuple[str, Any]:
    return "/payments", {
        "payment_id": f"{prefix}-{number}",
        "amount": "1.00",
        "currency": "USD",
        "source_account": "stop-a",
        "destination_account": "stop-b",
    }


@pytest.mark.parametrize("process", ["api-gateway", "payments"])
async def test_every_payment_that_was_accepted_is_paid_and_nothing_is_pending(
    stack: Stack, process: str
) -> None:
    direct = process != "api-gateway"
    target = direct_target(stack, process) if direct else gateway_target(stack)

    sent = await stopped(stack, Load(target, lambda n: payment(process, n)))

    assert await pending(stack) == []
    moved = await ledger(stack)
    for number, (_, told) in sent.answers.items():
        assert told["status"] == "CAPTURED"
        assert moved[f"pay:demo:{process}-{number}"] == ("applied", 2)
    own = [name for name in moved if name.startswith(f"pay:demo:{process}-")]
    assert len(own) == len(sent.answers)


async def test_fx_answers_every_quote(stack: Stack) -> None:
    body = {"source_currency": "USD", "destination_currency": "IDR", "source_amount": "10.00"}
    target = direct_target(stack, "fx")

    sent = await stopped(stack, Load(target, lambda _: ("/quotes", body)))

    assert {told["destination_amount"] for _, told in sent.answers.values()} == {"159200.00"}


async def test_risk_answers_and_stores_every_decision(stack: Stack) -> None:
    def score(number: int) -> tuple[str, Any]:
        accounts = {"source_account": "stop-a", "destination_account": "stop-b"}
        item = {"payment_id": f"demo:risk-{number}", "merchant": "demo", **accounts}
        return "/score/batch", {"items": [{**item, "amount": "1.00", "currency": "USD"}]}

    sent = await stopped(stack, Load(direct_target(stack, "risk"), score))

    found = await read_rows(stack, "risk", {"rows": "SELECT payment_id FROM decisions"})
    stored = {row["payment_id"] for row in found["rows"]}
    for number, (_, told) in sent.answers.items():
        assert told["results"][0]["status"] == "scored"
        assert f"demo:risk-{number}" in stored


async def test_the_wallet_answers_and_applies_every_transfer(stack: Stack) -> None:
    def transfer(number: int) -> tuple[str, Any]:
        legs = (("stop-a", -100), ("stop-b", 100))
        postings = [
            {"account_id": account, "currency": "USD", "amount_minor": minor}
            for account, minor in legs
        ]
        item = {"transfer_id": f"pay:demo:straight-{number}", "merchant": "demo", "kind": "post"}
        return "/transfers/batch", {"items": [{**item, "postings": postings}]}

    sent = await stopped(stack, Load(direct_target(stack, "wallet"), transfer))

    moved = await ledger(stack)
    for number, (_, told) in sent.answers.items():
        assert told["results"][0]["status"] == "applied"
        assert moved[f"pay:demo:straight-{number}"] == ("applied", 2)
    assert len([name for name in moved if name.startswith("pay:demo:straight-")]) == len(
        sent.answers
    )


async def test_an_event_stream_ends_when_its_process_stops(stack: Stack) -> None:
    ended = [name for name, process in stack.processes.items() if not process.running()]
    await asyncio.to_thread(stack.restart, *ended)
    target = direct_target(stack, "payments")
    async with aiohttp.ClientSession() as session:
        path, body = payment("streamed", 1)
        content = json.dumps(body).encode()
        headers = target.head("POST", path, content)
        async with session.post(target.url + path, data=content, headers=headers) as paid:
            assert paid.status == 200
        path = "/payments/events?after=0"
        async with session.get(target.url + path, headers=target.head("GET", path)) as stream:
            first = await stream.content.readuntil(b"\n\n")
            stack.kill("payments", signal.SIGTERM)
            # A stream that is cut off raises ClientPayloadError.
            await asyncio.wait_for(stream.content.read(), _ENDS_WITHIN_SECONDS)

    assert b"event: payment" in first
    assert await asyncio.to_thread(stack.processes["payments"].wait, _ENDS_WITHIN_SECONDS)
    assert stack.processes["payments"].exit_code == 0
