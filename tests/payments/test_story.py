"""The whole story of a payment: what happened, who did it, what it waits for, and its refunds."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.payments.harness import BODY, gateway_over

from kurs.calls import Request
from kurs.data.database import Database
from kurs_testing.asgi import FaultKind
from kurs_testing.clock import ManualClock
from kurs_testing.joined import RISK, WALLET, JoinedGateway
from kurs_testing.parts import part
from payments.domain.moves import Kind
from payments.domain.operation import Operation
from payments.domain.payment import Payment
from payments.store.ops import Claim
from payments.store.writes import apply


@pytest.fixture
async def gateway(tmp_path: Path, database_url: str) -> AsyncIterator[JoinedGateway]:
    async with gateway_over(database_url, tmp_path, {}, settlement_currency="IDR") as joined:
        yield joined


async def story(gateway: JoinedGateway, payment_id: str, **more: Any) -> dict[str, Any]:
    answer = await gateway.call("GET", f"/payments/{payment_id}/explain", **more)
    assert answer.status == 200, answer.body
    told: dict[str, Any] = answer.json()
    return told


async def refund(gateway: JoinedGateway, key: str, amount: str) -> dict[str, Any]:
    headers = {"Idempotency-Key": key}
    assert isinstance(gateway.clock, ManualClock)
    gateway.clock.advance(seconds=1)
    answer = await gateway.call("POST", "/payments/p1/refunds", {"amount": amount}, headers=headers)
    told: dict[str, Any] = answer.json()
    return told


async def test_a_captured_payment_across_currencies(gateway: JoinedGateway) -> None:
    await gateway.call("POST", "/payments", BODY)
    first, second = await refund(gateway, "r1", "2.50"), await refund(gateway, "r2", "900.00")
    assert second["code"] == "operation_not_allowed"

    told = await story(gateway, "p1")

    assert told["payment"] == (await gateway.call("GET", "/payments/p1")).json()
    assert [(e["from"], e["to"], e["cause"]) for e in told["events"]] == [
        (None, "RECEIVED", "requested"),
        ("RECEIVED", "CAPTURED", "paid"),
        ("CAPTURED", "PARTIALLY_REFUNDED", "refund"),
    ]
    assert all(e["actor"].startswith("demo/") and e["at"] for e in told["events"])
    assert [(o["kind"], o["state"]) for o in told["operations"]] == [
        ("pay", "done"), ("refund", "done"),
    ]  # fmt: skip
    assert [r["refund_id"] for r in told["refunds"]] == [first["refund_id"]]
    assert told["risk"]["inputs"]["amount"] == "10.00"
    assert told["quote"]["quote_id"] == told["payment"]["fx"]["quote_id"]
    assert told["quote"]["age_seconds"] >= 0
    assert (told["may"], told["waiting"], told["unavailable"]) == (["refund"], None, [])
    paid, back = told["transfers"]
    names = ["alice", "house:liquidity", "house:liquidity", "bob", "house:fx-revenue"]
    assert [p["account_id"] for p in paid["postings"]] == names
    assert (paid["postings"][0]["amount"], back["postings"][0]["amount"]) == ("-10.00", "2.50")
    assert told["trace_id"] == told["payment"]["trace_id"]


async def test_refunds_are_listed_page_by_page(gateway: JoinedGateway) -> None:
    await gateway.call("POST", "/payments", BODY)
    made = [await refund(gateway, f"r{i}", f"1.0{i}") for i in range(3)]
    first = (await gateway.call("GET", "/payments/p1/refunds?limit=2")).json()
    rest = await gateway.call("GET", f"/payments/p1/refunds?cursor={first['next_cursor']}")

    listed = first["items"] + rest.json()["items"]
    same = ("refund_id", "status", "amount", "currency", "destination_amount", "rate", "fx")
    assert [{k: r[k] for k in same} for r in listed] == [{k: r[k] for k in same} for r in made]
    assert rest.json()["next_cursor"] is None
    assert all(r["actor"].startswith("demo/") and r["created_at"] for r in listed)
    other = gateway.issue_key("rival", "read")
    for path in ("refunds", "explain"):
        answer = await gateway.call("GET", f"/payments/p1/{path}", key=other)
        assert (answer.status, answer.json()["code"]) == (404, "payment_not_found")


async def test_a_held_payment_says_until_when(gateway: JoinedGateway) -> None:
    await gateway.call("POST", "/payments", {**BODY, "capture": "manual"})
    told = await story(gateway, "p1")
    assert told["waiting"]["waits_for"] == "capture"
    assert told["waiting"]["until"] == told["payment"]["hold_expires_at"]
    assert told["may"] == ["capture", "void"]
    assert [t["kind"] for t in told["transfers"]] == ["hold"]


async def test_services_that_are_away_leave_their_part_out(gateway: JoinedGateway) -> None:
    await gateway.call("POST", "/payments", BODY)
    for base in (WALLET, RISK):
        gateway.transport.inject(base, FaultKind.UNREACHABLE)
    told = await story(gateway, "p1")
    assert told["unavailable"] == ["wallet", "risk"]
    assert (told["transfers"], told["risk"]["inputs"]) == ([], None)
    assert len(told["events"]) == 2


async def test_an_open_payment_says_what_it_waits_for(gateway: JoinedGateway) -> None:
    def batches(request: Request) -> bool:
        return request.url.endswith("/batch")

    gateway.transport.inject(RISK, FaultKind.UNREACHABLE, matches=batches)
    assert (await gateway.call("POST", "/payments", BODY)).status == 202
    told = await story(gateway, "p1", key=gateway.issue_key("demo", "read"))
    waiting = {"waits_for": "risk", "reason": "risk has not decided yet", "until": None}
    assert (told["waiting"], told["may"]) == (waiting, [])
    assert [(o["kind"], o["state"]) for o in told["operations"]] == [("pay", "open")]


async def test_a_payment_that_is_worked_on_says_the_same_wherever_it_is_read(
    gateway: JoinedGateway,
) -> None:
    now, name = gateway.clock.now(), "pay:demo:p1"
    payment = Payment(
        "demo", "p1", 1000, "USD", "alice", "bob", created_at=now, updated_at=now,
        active_operation=name,
    )  # fmt: skip
    operation = Operation(
        name, payment.uid, Kind.PAY, "k", "f", 1000, "demo/key", now, lease_until=2 * now
    )
    claims = [Claim(payment, operation)]
    await part(gateway.apps["payments"], Database).write(lambda c: apply(c, claims))

    found = await gateway.call("GET", "/payments/p1")
    told, key = await story(gateway, "p1"), gateway.issue_key("demo", "read")
    for_merchants = await story(gateway, "p1", key=key)
    (listed,) = (await gateway.call("GET", "/payments", key=key)).json()["items"]

    assert why(found.json()) == why(told["payment"]) == ("payments", "it is being worked on")
    assert why(listed) == why(for_merchants["payment"]) == ("payments", "it is not finished yet")
    for one in (told, for_merchants):
        said = (one["waiting"]["waits_for"], one["waiting"]["reason"])
        assert said == why(one["payment"])


def why(payment: dict[str, Any]) -> tuple[str | None, str | None]:
    return payment["waits_for"], payment["open_reason"]


async def test_a_payee_id_stays_one_in_the_postings(gateway: JoinedGateway) -> None:
    key = gateway.issue_key("rival", "pay", "read")
    opened = await gateway.call("POST", "/accounts", {"account_id": "secret"}, key=key)
    payee = opened.json()["payee_id"]
    await gateway.call("POST", "/payments", {**BODY, "destination_account": payee})
    answer = await gateway.call("GET", "/payments/p1/explain")
    assert payee in answer.body.decode()
    assert "rival" not in answer.body.decode()
    assert "secret" not in answer.body.decode()
