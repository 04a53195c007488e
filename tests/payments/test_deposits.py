"""Deposits become events: once each, in the one order, for whose account it is."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from tests.payments.harness import BODY, gateway_over

from kurs_testing.joined import PAYMENTS, WALLET, JoinedGateway
from kurs_testing.parts import part
from payments.reconciliation.chains import Chains
from payments.reconciliation.ledger_reader import LedgerReader


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[JoinedGateway]:
    async with gateway_over(database_url, tmp_path / "run", {}) as joined:
        yield joined


async def look(gateway: JoinedGateway) -> None:
    await part(gateway.apps["payments"], LedgerReader).look()


async def events(gateway: JoinedGateway, query: str = "", key: str | None = None) -> Any:
    return (await gateway.call("GET", f"/events?limit=200{query}", key=key)).json()["items"]


async def deposit(gateway: JoinedGateway, name: str, account: str = "alice") -> None:
    body = {"deposit_id": name, "account_id": account, "currency": "IDR", "amount": "1500.00"}
    answer = await gateway.call("POST", "/deposits", body)
    assert answer.status == 200, answer.body


async def test_a_deposit_has_one_event_whoever_looks_and_however_often(
    gateway: JoinedGateway,
) -> None:
    assert (await gateway.call("POST", "/payments", BODY)).status == 200
    await deposit(gateway, "d-1")
    await asyncio.gather(look(gateway), look(gateway))
    await look(gateway)
    assert (await gateway.call("POST", "/payments", {**BODY, "payment_id": "p2"})).status == 200

    told = await events(gateway)
    assert [e["sequence"] for e in told] == list(range(1, len(told) + 1))
    # What funded alice before is told, too: nothing was read until now.
    assert sorted(e["deposit"]["deposit_id"] for e in told if e["type"] == "deposit.succeeded") == [
        "alice-USD",
        "d-1",
    ]
    (made,) = [e for e in told if e.get("deposit", {}).get("deposit_id") == "d-1"]
    assert made["deposit"] == {
        "deposit_id": "d-1", "account_id": "alice", "amount": "1500.00", "currency": "IDR",
    }  # fmt: skip
    assert made["payment_id"] is None
    assert made["actor"].startswith("demo/")
    assert await events(gateway, "&type=deposit.succeeded") == [
        e for e in told if e["type"] == "deposit.succeeded"
    ]
    fed = (await gateway.send(PAYMENTS, "GET", "/events/feed?after=0&limit=200")).json()["events"]
    wanted = "/events/feed?after=0&limit=200&wanted_by=demo"
    asked_for = (await gateway.send(PAYMENTS, "GET", wanted)).json()["events"]
    assert asked_for == fed
    sent = [json.loads(each["body"]) for each in fed if each["type"] == "deposit.succeeded"]
    assert sent == [e for e in told if e["type"] == "deposit.succeeded"]
    assert [each["sequence"] for each in fed] == [
        e["sequence"] for e in told if e["type"] != "payment.requested"
    ]


async def test_a_deposit_to_another_merchants_account_is_told_to_that_merchant(
    gateway: JoinedGateway,
) -> None:
    rival = gateway.issue_key("rival")
    opened = await gateway.call("POST", "/accounts", {"account_id": "till"}, key=rival)
    assert opened.status == 200
    await deposit(gateway, "d-1", "rival/till")
    await look(gateway)

    (made,) = await events(gateway, key=rival)
    assert (made["deposit"]["account_id"], made["actor"]) == ("till", "demo")
    assert all(e["deposit"]["deposit_id"] != "d-1" for e in await events(gateway))


async def test_a_wallet_that_is_restored_or_does_not_answer_doubles_and_stops_nothing(
    gateway: JoinedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deposit(gateway, "d-1")
    chains = part(gateway.apps["payments"], Chains)
    await look(gateway)
    before = await events(gateway)
    ends = await chains.ends()

    async def shorter() -> list[tuple[int, int]]:
        return [(chain, max(0, end - 1)) for chain, end in ends]

    async def silent(*_: object) -> None:
        return None

    monkeypatch.setattr(chains, "ends", shorter)
    await look(gateway)
    monkeypatch.undo()
    monkeypatch.setattr(chains, "page", silent)
    await look(gateway)
    assert await events(gateway) == before
    monkeypatch.undo()
    await deposit(gateway, "d-2")
    await look(gateway)

    news = (await events(gateway))[len(before) :]
    assert [e["deposit"]["deposit_id"] for e in news] == ["d-2"]


async def chain_of(gateway: JoinedGateway, what: str) -> Any:
    """Return what the wallet tells of the chain in which something happened."""
    ends = (await gateway.send(WALLET, "GET", "/chains")).json()["chains"]
    (chain,) = [chain for chain, end in ends.items() if end]
    return (await gateway.send(WALLET, "GET", f"/chains/{chain}/{what}")).json()


async def test_the_wallet_tells_what_it_was_asked_for_and_its_own_deposits_apart(
    gateway: JoinedGateway,
) -> None:
    assert (await gateway.call("POST", "/payments", BODY)).status == 200
    told = await chain_of(gateway, "transfers?links=true")

    assert [each["transfer_id"] for each in told["deposits"]] == ["dep:demo:alice-USD"]
    assert [name for link in told["links"] for name in link["asked"]] == ["pay:demo:p1"]


async def test_releases_before_and_after_read_each_other(gateway: JoinedGateway) -> None:
    """They had one path for transfers, each with its kind, and one for deposits."""
    await deposit(gateway, "d-1")
    # What a release before would take for read, nobody else would read.
    for path in ("transfers?after=1", "deposits?after=1"):
        told = await chain_of(gateway, path)
        assert (told["until"], told["transfers"], told["deposits"]) == (1, [], [])

    one = {"transfer_id": "pay:demo:x", "kind": "post", "merchant": "demo", "created_at": 1}
    transfers = {"until": 2, "transfers": [one]}

    async def as_before(scope: Scope, receive: Receive, send: Send) -> None:
        body = {"chains": {0: 2}} if scope["path"] == "/chains" else transfers
        await JSONResponse(body)(scope, receive, send)

    gateway.transport.mount(WALLET, as_before)
    chains = part(gateway.apps["payments"], Chains)
    assert await chains.ends() == [(0, 2)]
    assert await chains.page(0, 0) is None
    await look(gateway)
    assert await events(gateway) == []
