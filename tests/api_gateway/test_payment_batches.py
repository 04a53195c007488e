"""Payments go to payments many at once while it is busy, and each has its own answer."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kurs.calls import Request, Response
from kurs.edges.table import EDGES, GATEWAY
from kurs_testing.asgi import FaultKind
from kurs_testing.joined import FX, PAYMENTS, JoinedGateway

SAMPLES = Path(__file__).parents[1] / "data" / "resources"
OVERRIDES = {"payments": {"sweep_seconds": 3600.0, "payment_seconds": 2.0}}
BODY = {
    "amount": "1.00",
    "currency": "USD",
    "source_account": "alice",
    "destination_account": "bob",
}
DONE, FAILED, OPEN = 200, 400, 202


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[JoinedGateway]:
    async with JoinedGateway(tmp_path, SAMPLES, overrides=OVERRIDES) as joined:
        await joined.open_and_fund("alice", USD="100.00")
        await joined.open_and_fund("bob")
        await joined.open_and_fund("indonesia", settlement_currency="IDR")
        # So that payments knows all accounts.
        for destination in ("bob", "indonesia"):
            assert (await pay(joined, f"to-{destination}", to=destination)).status == DONE
        joined.transport.requests.clear()
        yield joined


async def pay(
    gateway: JoinedGateway, name: str, *, to: str = "bob", key: str = "", **changes: Any
) -> Response:
    body = {**BODY, "payment_id": name, "destination_account": to, **changes}
    return await gateway.call("POST", "/payments", body, headers=named(key))


def named(key: str) -> Mapping[str, str]:
    return {"idempotency-key": key} if key else {}


def sent(gateway: JoinedGateway) -> list[str]:
    """Return the paths of what was asked of payments."""
    urls = [request.url for request in gateway.transport.requests]
    asked = f"{PAYMENTS}/payments"
    return [url.removeprefix(PAYMENTS) for url in urls if url.startswith(asked)]


def batches(request: Request) -> bool:
    return request.url.endswith("/payments/batch")


async def test_one_alone_goes_at_once_and_as_it_came(gateway: JoinedGateway) -> None:
    assert (await pay(gateway, "p")).status == DONE
    assert sent(gateway) == ["/payments"]


async def test_what_comes_together_is_one_request_and_answered_as_alone(
    gateway: JoinedGateway,
) -> None:
    alone = await pay(gateway, "alone")
    gateway.transport.requests.clear()
    answers = await asyncio.gather(*(pay(gateway, f"p{n}") for n in range(6)))

    assert sent(gateway) == ["/payments/batch"]
    assert [answer.status for answer in answers] == [DONE] * 6
    assert [answer.json()["payment_id"] for answer in answers] == [f"p{n}" for n in range(6)]
    assert {tuple(sorted(answer.headers)) for answer in answers} == {tuple(sorted(alone.headers))}
    for answer in answers:
        assert answer.json()["trace_id"] == answer.headers["traceresponse"].split("-")[1]
    again = await asyncio.gather(*(pay(gateway, f"p{n}") for n in range(6)))
    assert [answer.body for answer in again] == [answer.body for answer in answers]
    assert {answer.headers["idempotent-replayed"] for answer in again} == {"true"}


async def test_one_that_waits_for_a_rate_holds_no_other(gateway: JoinedGateway) -> None:
    gateway.transport.inject(FX, FaultKind.HANG)
    slow = asyncio.create_task(pay(gateway, "slow", to="indonesia"))
    others = await asyncio.gather(*(pay(gateway, f"p{n}") for n in range(3)))

    assert sent(gateway) == ["/payments/batch"]
    assert [answer.status for answer in others] == [DONE] * 3
    assert not slow.done()
    told = await slow
    assert (told.status, told.headers["location"]) == (OPEN, "/payments/slow")


async def test_each_is_refused_for_its_own_reason(gateway: JoinedGateway) -> None:
    async def raw(body: bytes, key: str = "") -> Response:
        return await gateway.call("POST", "/payments", body, headers=named(key))

    answers = await asyncio.gather(
        pay(gateway, "good"),
        raw(b"no json"),
        raw(b'{"amount": "1.00"}'),
        raw(b'{"amount": "\xff"}'),
        raw(b"[" * 3_000),
        raw(b'{"payment_id": ' + b"7" * 2_000 + b"}"),
        pay(gateway, "poor", amount="1000.00"),
        pay(gateway, "tiny", amount="0.001"),
        pay(gateway, "key", key="k" * 2_000),
        pay(gateway, "unknown", to="nobody"),
    )

    codes = [answer.json().get("code") for answer in answers]
    assert [answer.status for answer in answers[:1]] == [DONE]
    assert codes[1:6] == [
        "malformed_json", "validation_failed", "malformed_json", "malformed_json",
        "validation_failed",
    ]  # fmt: skip
    assert answers[6].json()["failure"]["code"] == "insufficient_funds"
    assert codes[7] == "amount_too_precise"
    assert codes[8] == "idempotency_key_invalid"
    assert answers[9].json()["failure"]["code"] == "account_not_found"
    assert [answer.headers["content-type"] for answer in (answers[1], answers[0])] == [
        "application/problem+json", "application/json",
    ]  # fmt: skip


async def test_repeats_within_a_batch_are_done_once(gateway: JoinedGateway) -> None:
    answers = await asyncio.gather(
        pay(gateway, "p", key="k"), pay(gateway, "p", key="k"), pay(gateway, "q", key="k")
    )

    assert [(a.status, a.json().get("code")) for a in answers] == [
        (DONE, None), (409, "operation_in_progress"), (422, "idempotency_key_reused"),
    ]  # fmt: skip
    assert await gateway.balance("alice", "USD") == "97.00"


async def test_a_payment_without_a_name_is_refused_in_a_batch_too(gateway: JoinedGateway) -> None:
    answers = await asyncio.gather(
        *(gateway.call("POST", "/payments", BODY) for _ in range(2)), pay(gateway, "p")
    )

    assert sent(gateway) == ["/payments/batch"]
    assert [(a.status, a.json().get("code")) for a in answers] == [
        (FAILED, "idempotency_key_required"), (FAILED, "idempotency_key_required"), (DONE, None),
    ]  # fmt: skip


async def test_one_without_the_role_is_refused_by_payments_too(gateway: JoinedGateway) -> None:
    item = {"merchant": "demo", "key_id": "k", "roles": "read", "body": "{}"}
    answer = await gateway.send(PAYMENTS, "POST", "/payments/batch", {"items": [item]})

    assert answer.status == 200
    assert (answer.json()["http_status"], "role 'pay'" in answer.json()["body"]) == (403, True)


async def test_a_connection_that_breaks_is_unknown_for_each_and_a_repeat_tells(
    gateway: JoinedGateway,
) -> None:
    gateway.transport.inject(PAYMENTS, FaultKind.LOSE_ACKNOWLEDGEMENT, times=1, matches=batches)
    lost = await asyncio.gather(*(pay(gateway, f"p{n}") for n in range(3)))
    assert {answer.json()["code"] for answer in lost} == {"upstream_connection_lost"}
    for answer in lost:
        assert "repeat it with the same Idempotency-Key" in answer.json()["detail"]

    await gateway.transport.settle()
    again = await asyncio.gather(*(pay(gateway, f"p{n}") for n in range(3)))
    assert [answer.status for answer in again] == [DONE] * 3
    assert await gateway.balance("alice", "USD") == "95.00"


async def test_what_was_not_sent_goes_again(gateway: JoinedGateway) -> None:
    gateway.transport.inject(PAYMENTS, FaultKind.UNREACHABLE, times=1, matches=batches)
    answers = await asyncio.gather(*(pay(gateway, f"p{n}") for n in range(3)))
    assert [answer.status for answer in answers] == [DONE] * 3


async def test_payments_of_the_release_before_gets_each_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = (GATEWAY, "payments")
    known = tuple(route for route in EDGES[edge] if route.template != "/payments/batch")
    monkeypatch.setitem(EDGES, edge, known)  # type: ignore[arg-type]
    async with JoinedGateway(tmp_path, SAMPLES, overrides=OVERRIDES) as old:
        await old.open_and_fund("alice", USD="100.00")
        await old.open_and_fund("bob")
        answers = await asyncio.gather(*(pay(old, f"p{n}") for n in range(3)))

        assert [answer.status for answer in answers] == [DONE] * 3
        assert sent(old).count("/payments") == 3

        await old.open_and_fund("indonesia", settlement_currency="IDR")
        old.transport.inject(FX, FaultKind.HANG)
        slow = asyncio.create_task(pay(old, "slow", to="indonesia"))
        assert (await pay(old, "quick")).status == DONE
        assert not slow.done()
        assert (await slow).status == OPEN


async def test_a_gateway_of_the_release_before_pays_the_same_payment(
    gateway: JoinedGateway,
) -> None:
    first, _ = await asyncio.gather(pay(gateway, "p", key="k"), pay(gateway, "q"))
    headers = {"x-kurs-merchant": "demo", "x-kurs-roles": "pay", "idempotency-key": "k"}
    body = {**BODY, "payment_id": "p"}
    again = await gateway.send(PAYMENTS, "POST", "/payments", body, headers)

    assert (again.status, again.body) == (DONE, first.body)
    assert again.headers["idempotent-replayed"] == "true"
