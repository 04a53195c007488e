"""A payment through all five services: outcomes, idempotency, holds, refunds, reviews."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.system.paying import pay

from kurs_testing.joined import JoinedGateway

Make = Callable[..., dict[str, Any]]


pytestmark = pytest.mark.usefixtures("conserved")


async def test_same_currency_is_captured(gateway: JoinedGateway, payment: Make) -> None:
    answer = await pay(gateway, payment("p1"))
    got = answer.json()
    assert (answer.status, got["status"], got["fx"]) == (200, "CAPTURED", None)
    assert got["destination_amount"] == "10.00"
    assert await gateway.balance("alice", "USD") == "49990.00"
    assert await gateway.balance("bob", "USD") == "10.00"


async def test_settlement_currency_converts_at_mid_less_spread(
    gateway: JoinedGateway, payment: Make
) -> None:
    got = (await pay(gateway, payment("p1", destination_account="ibu"))).json()
    assert (got["destination_currency"], got["destination_amount"]) == ("IDR", "159200.00")
    assert (got["fx"]["mid"], got["fx"]["spread_bps"]) == ("16000", 50)
    rows = await gateway.call("GET", "/ledger/trial-balance")
    assert {r["currency"] for r in rows.json()["currencies"]} == {"USD", "IDR", "JPY"}


async def test_an_explicit_destination_currency_wins(gateway: JoinedGateway, payment: Make) -> None:
    got = (await pay(gateway, payment("p1", destination_currency="JPY"))).json()
    assert (got["destination_currency"], got["destination_amount"]) == ("JPY", "1492")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"source_account": "bob", "destination_account": "ibu"}, "insufficient_funds"),
        ({"destination_account": "alice"}, "same_account"),
        ({"destination_account": "nobody"}, "account_not_found"),
        ({"source_account": "nobody"}, "account_not_found"),
        ({"amount": "25000.00"}, "risk_declined"),
        ({"destination_currency": "THB"}, "pair_not_supported"),
        ({"amount": "1", "currency": "JPY", "destination_currency": "USD"}, "amount_too_small"),
        ({"quote": "q1.bm9uc2Vuc2U.bm9uc2Vuc2U", "destination_currency": "IDR"}, "quote_invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_business_refusals(
    gateway: JoinedGateway, payment: Make, changes: dict[str, Any], code: str
) -> None:
    answer = await pay(gateway, payment("p1", **changes))
    got = answer.json()
    assert (answer.status, got["status"], got["failure"]["code"]) == (400, "FAILED", code)
    again = await pay(gateway, payment("p1", **changes))
    assert again.body == answer.body
    assert again.headers["idempotent-replayed"] == "true"


async def test_replay_is_byte_for_byte_even_after_a_refund(
    gateway: JoinedGateway, payment: Make
) -> None:
    first = await pay(gateway, payment("p1"))
    await gateway.call(
        "POST", "/payments/p1/refunds", {"amount": "3"}, headers={"idempotency-key": "r"}
    )
    again = await pay(gateway, payment("p1"))
    assert again.body == first.body
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers


async def test_other_content_under_a_key_is_refused(gateway: JoinedGateway, payment: Make) -> None:
    await pay(gateway, payment("p1"), **{"idempotency-key": "k"})
    other = await pay(gateway, payment("p1", amount="11"), **{"idempotency-key": "k"})
    assert (other.status, other.json()["code"]) == (422, "idempotency_key_reused")
    taken = await pay(gateway, payment("p1"), **{"idempotency-key": "k2"})
    assert (taken.status, taken.json()["code"]) == (409, "payment_id_taken")


async def test_equal_amounts_written_differently_are_the_same_request(
    gateway: JoinedGateway, payment: Make
) -> None:
    first = await pay(gateway, payment("p1", amount="10.00"))
    raw = json.dumps(payment("p1", amount=0)).replace('"amount": 0', '"amount": 10.0').encode()
    again = await gateway.call("POST", "/payments", raw)
    assert again.body == first.body


async def test_a_key_without_payment_id_names_one_payment(
    gateway: JoinedGateway, payment: Make
) -> None:
    body = {k: v for k, v in payment("x").items() if k != "payment_id"}
    first = await pay(gateway, body, **{"idempotency-key": "k"})
    again = await pay(gateway, body, **{"idempotency-key": "k"})
    assert again.body == first.body
    assert await gateway.balance("bob", "USD") == "10.00"


async def test_a_hundred_posts_with_one_key_are_one_payment(
    gateway: JoinedGateway, payment: Make
) -> None:
    answers = await asyncio.gather(*(pay(gateway, payment("p1")) for _ in range(100)))
    statuses = {a.status for a in answers}
    assert statuses <= {200, 409}
    assert sum(a.status == 200 and "idempotent-replayed" not in a.headers for a in answers) == 1
    assert all(a.json()["code"] == "operation_in_progress" for a in answers if a.status == 409)
    assert await gateway.balance("bob", "USD") == "10.00"


async def test_concurrent_payments_never_overdraw(gateway: JoinedGateway, payment: Make) -> None:
    await gateway.open_and_fund("carol", USD="700.00")
    bodies = [payment(f"p{i}", source_account="carol", amount="7.00") for i in range(200)]
    answers = await asyncio.gather(*(pay(gateway, body) for body in bodies))
    assert sum(a.status == 200 for a in answers) == 100
    refused = [a.json()["failure"]["code"] for a in answers if a.status == 400]
    assert refused == ["insufficient_funds"] * 100
    assert await gateway.balance("carol", "USD") == "0.00"
    assert await gateway.balance("bob", "USD") == "700.00"


async def test_authorize_capture_part_refund_in_parts(
    gateway: JoinedGateway, payment: Make
) -> None:
    held = (await pay(gateway, payment("p1", destination_account="ibu", capture="manual"))).json()
    assert (held["status"], held["captured_amount"]) == ("AUTHORIZED", "0.00")
    balance = (await gateway.call("GET", "/balance/alice")).json()["balances"]
    assert {b["held"] for b in balance if b["currency"] == "USD"} == {"10.00"}
    got = (await gateway.call("POST", "/payments/p1/capture", {"amount": "7.50"})).json()
    assert (got["status"], got["captured_amount"]) == ("CAPTURED", "7.50")
    assert got["destination_amount"] == "119400.00"
    assert await gateway.balance("alice", "USD") == "49992.50"
    for i, amount in enumerate(("3.33", "4.17")):
        answer = await gateway.call(
            "POST", "/payments/p1/refunds", {"amount": amount}, headers={"idempotency-key": f"{i}"}
        )
        assert answer.json()["status"] == "SUCCEEDED"
    assert (await gateway.call("GET", "/payments/p1")).json()["status"] == "REFUNDED"
    assert await gateway.balance("alice", "USD") == "50000.00"
    assert await gateway.balance("ibu", "IDR") == "0.00"


async def test_a_second_capture_of_another_amount_is_a_conflict(
    gateway: JoinedGateway, payment: Make
) -> None:
    await pay(gateway, payment("p1", capture="manual"))
    first = await gateway.call("POST", "/payments/p1/capture", {"amount": "4"})
    again = await gateway.call("POST", "/payments/p1/capture", {"amount": "4.00"})
    other = await gateway.call("POST", "/payments/p1/capture", {"amount": "5"})
    assert (first.json()["status"], again.body) == ("CAPTURED", first.body)
    assert (other.status, other.json()["code"]) == (409, "operation_not_allowed")


async def test_a_capture_too_small_to_convert_leaves_the_hold(
    gateway: JoinedGateway, payment: Make
) -> None:
    body = payment("p1", currency="JPY", amount="100", destination_currency="USD", capture="manual")
    await pay(gateway, body)
    small = await gateway.call("POST", "/payments/p1/capture", {"amount": "1"})
    assert (small.status, small.json()["code"]) == (422, "amount_too_small")
    rest = await gateway.call("POST", "/payments/p1/capture")
    assert rest.json()["status"] == "CAPTURED"


async def test_void_releases_and_is_final(gateway: JoinedGateway, payment: Make) -> None:
    await pay(gateway, payment("p1", capture="manual"))
    first = await gateway.call("POST", "/payments/p1/void")
    again = await gateway.call("POST", "/payments/p1/void")
    assert (first.json()["status"], again.body) == ("VOIDED", first.body)
    late = await gateway.call("POST", "/payments/p1/capture")
    assert (late.status, late.json()["code"]) == (409, "operation_not_allowed")
    assert await gateway.balance("alice", "USD") == "50000.00"


@pytest.mark.parametrize(("verdict", "status"), [("approve", "CAPTURED"), ("refuse", "FAILED")])
async def test_a_review_is_decided_by_a_person(
    gateway: JoinedGateway, payment: Make, verdict: str, status: str
) -> None:
    held = await pay(gateway, payment("p1", amount="6000"))
    assert (held.status, held.json()["status"]) == (200, "REVIEW")
    assert await gateway.balance("alice", "USD") == "44000.00"
    got = (await gateway.call("POST", f"/payments/p1/{verdict}")).json()
    assert got["status"] == status
    expected = "44000.00" if verdict == "approve" else "50000.00"
    assert await gateway.balance("alice", "USD") == expected


async def test_refunds_never_exceed_what_was_captured(
    gateway: JoinedGateway, payment: Make
) -> None:
    await pay(gateway, payment("p1"))

    async def refund(i: int) -> Any:
        while True:
            answer = await gateway.call(
                "POST", "/payments/p1/refunds", {"amount": "4"}, headers={"idempotency-key": f"{i}"}
            )
            if answer.status != 409 or answer.json()["code"] != "operation_in_progress":
                return answer
            await asyncio.sleep(0.01)

    answers = await asyncio.gather(*(refund(i) for i in range(8)))
    assert sorted(a.status for a in answers) == [200, 200, 409, 409, 409, 409, 409, 409]
    assert await gateway.balance("bob", "USD") == "2.00"
    refused = next(a for a in answers if a.status == 409).json()
    assert refused["code"] == "operation_not_allowed"
    assert refused["errors"] == [
        {
            "field": "amount",
            "message": "only 2.00 USD is left to refund",
            "hint": "ask for at most 2.00 USD",
        }
    ]


async def test_a_refund_that_the_receiver_cannot_pay_fails(
    gateway: JoinedGateway, payment: Make
) -> None:
    await pay(gateway, payment("p1"))
    await pay(gateway, payment("p2", source_account="bob", destination_account="alice"))
    answer = await gateway.call(
        "POST", "/payments/p1/refunds", {"amount": "1"}, headers={"idempotency-key": "r"}
    )
    assert (answer.status, answer.json()["status"]) == (400, "FAILED")
    assert answer.json()["failure"]["code"] == "insufficient_funds"
    assert (await gateway.call("GET", "/payments/p1")).json()["status"] == "CAPTURED"


async def test_a_quote_is_used_once_and_only_for_its_payment(
    gateway: JoinedGateway, payment: Make
) -> None:
    asked = {"source_currency": "USD", "destination_currency": "IDR", "source_amount": "10.00"}
    quote = (await gateway.call("POST", "/quotes", asked)).json()
    body = {"quote": quote["quote"], "destination_currency": "IDR"}
    wrong = (await pay(gateway, payment("p0", amount="10.01", **body))).json()
    assert wrong["failure"]["code"] == "quote_mismatch"
    first = (await pay(gateway, payment("p1", **body))).json()
    assert first["destination_amount"] == quote["destination_amount"]
    second = (await pay(gateway, payment("p2", **body))).json()
    assert second["failure"]["code"] == "quote_already_used"


async def test_a_quote_of_another_merchant_is_refused(
    gateway: JoinedGateway, payment: Make
) -> None:
    asked = {"source_currency": "USD", "destination_currency": "IDR", "source_amount": "10.00"}
    theirs = gateway.issue_key("other")
    quote = (await gateway.call("POST", "/quotes", asked, key=theirs)).json()["quote"]

    body = payment("p1", quote=quote, destination_currency="IDR")
    refused = (await pay(gateway, body)).json()

    assert (refused["status"], refused["failure"]["code"]) == ("FAILED", "quote_mismatch")


async def test_another_merchant_sees_and_moves_nothing(
    gateway: JoinedGateway, payment: Make
) -> None:
    await pay(gateway, payment("p1"))
    other = gateway.issue_key("rival")
    for path in ("/payments/p1", "/balance/alice", "/accounts/alice", "/accounts/alice/entries"):
        assert (await gateway.call("GET", path, key=other)).status == 404, path
    assert (await gateway.call("GET", "/payments", key=other)).json()["items"] == []
    theft = await gateway.call("POST", "/payments", payment("theft"), key=other)
    assert theft.json()["failure"]["code"] == "account_not_found"
    refund = await gateway.call(
        "POST", "/payments/p1/void", key=other, headers={"idempotency-key": "x"}
    )
    assert refund.status == 404


async def test_list_pages_through_all_newest_first(gateway: JoinedGateway, payment: Make) -> None:
    for i in range(7):
        await pay(gateway, payment(f"p{i}", amount="60000" if i == 3 else "1"))
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await gateway.call("GET", f"/payments?limit=3{cursor}")).json()
        seen += [item["payment_id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [f"p{i}" for i in reversed(range(7))]
    failed = (await gateway.call("GET", "/payments?status=FAILED&account=alice")).json()
    assert [item["payment_id"] for item in failed["items"]] == ["p3"]


async def test_every_payment_leaves_one_trace_through_all_services(
    gateway: JoinedGateway, payment: Make
) -> None:
    got = (await pay(gateway, payment("p1", destination_account="ibu"))).json()
    for name in ("api-gateway", "payments", "risk", "fx", "wallet"):
        spans = gateway.telemetry[name].spans()
        traces = {f"{span.context.trace_id:032x}" for span in spans}
        assert got["trace_id"] in traces, name
