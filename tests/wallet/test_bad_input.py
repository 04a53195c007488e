"""Every route refuses what is wrong with a problem that names the field, and stores nothing."""

import json
from typing import Any

import pytest
from tests.wallet.harness import (
    WalletApp,
    caller,
    cancel,
    capture,
    count_rows,
    deposit,
    hold,
    leg,
    pay,
    post,
    void,
)

from kurs_testing.clock import ManualClock

HEADERS = {**caller("demo", "pay,treasury,audit"), "content-type": "application/json"}
ITEM = pay("t", "alice", "bob", 5)
HOLD = hold("t", "alice", 5, ManualClock())


def with_leg(**changes: Any) -> dict[str, Any]:
    return post("t", {**leg("alice", -5), **changes}, leg("bob", 5))


ACCOUNTS: list[tuple[str, Any]] = [
    ("account_id", {}),
    ("account_id", {"account_id": None}),
    ("account_id", {"account_id": 5}),
    ("account_id", {"account_id": ""}),
    ("account_id", {"account_id": "a/b"}),
    ("account_id", {"account_id": "a\u0000b"}),
    ("account_id", {"account_id": "a b"}),
    ("account_id", {"account_id": "house:world"}),
    ("account_id", {"account_id": "a" * 65}),
    ("account_id", {"account_id": "a\n"}),
    ("settlement_currency", {"account_id": "a", "settlement_currency": "usd"}),
    ("settlement_currency", {"account_id": "a", "settlement_currency": "XXX"}),
    ("settlement_currency", {"account_id": "a", "settlement_currency": 5}),
    ("kind", {"account_id": "a", "kind": "house"}),
    ("overdrafts", {"account_id": "a", "overdrafts": {}}),
    ("overdrafts.0.amount", {"account_id": "a", "overdrafts": [{"currency": "USD"}]}),
    (
        "overdrafts.0.amount",
        {"account_id": "a", "overdrafts": [{"currency": "USD", "amount": "-1"}]},
    ),
    (
        "overdrafts.1.currency",
        {"account_id": "a", "overdrafts": [{"currency": "USD", "amount": "1"}] * 2},
    ),
    ("1.account_id", [{"account_id": "a"}, {}]),
    ("body", []),
    ("body", [{"account_id": f"a{i}"} for i in range(1_001)]),
    ("body", "text"),
    ("body", None),
]

AMOUNTS: list[Any] = [
    "0", "-1", "1.001", "", "x", "NaN", "Infinity", "1e5", "92233720368547758.08", "9" * 100,
    0, -1, 1.001, True, None, [], {}, 10**400,
]  # fmt: skip

DEPOSITS: list[tuple[str, dict[str, Any]]] = [
    *[
        (field, {k: v for k, v in deposit("d", "alice", "1").items() if k != field})
        for field in ("deposit_id", "account_id", "currency", "amount")
    ],
    ("deposit_id", deposit("a:b", "alice", "1")),
    ("account_id", deposit("d", "house:world", "1")),
    ("currency", deposit("d", "alice", "1", "ABC")),
    ("extra", {**deposit("d", "alice", "1"), "extra": 1}),
    *[("amount", {**deposit("d", "alice", "1"), "amount": amount}) for amount in AMOUNTS],
]

ITEMS: list[tuple[str, Any]] = [
    ("items.0", "text"),
    ("items.0", None),
    ("items.0", {"transfer_id": "t"}),
    ("items.0", {**ITEM, "kind": "steal"}),
    ("items.0", {**ITEM, "kind": "deposit"}),
    ("items.0.transfer_id", {**ITEM, "transfer_id": "a/b"}),
    ("items.0.transfer_id", {**ITEM, "transfer_id": "a" * 201}),
    ("items.0.transfer_id", {**ITEM, "transfer_id": None}),
    ("items.0.transfer_id", {**ITEM, "transfer_id": "t"}),
    ("items.0.transfer_id", {**ITEM, "transfer_id": "pay:shop:t"}),
    ("items.0.transfer_id", {**ITEM, "transfer_id": "pay:demon:t"}),
    ("items.0.transfer_id", {**ITEM, "transfer_id": "pay:demo:"}),
    ("items.0.transfer_id", {**ITEM, "transfer_id": "void:demo:t"}),
    ("items.0.transfer_id", {**ITEM, "transfer_id": "dep:demo:t"}),
    ("items.0.transfer_id", {**HOLD, "transfer_id": "refund:demo:t"}),
    ("items.0.transfer_id", cancel("pay:shop:t")),
    ("items.0.transfer_id", cancel("dep:demo:t")),
    ("items.0.transfer_id", void("capture:demo:t", "h")),
    ("items.0.merchant", {**ITEM, "merchant": "a:b"}),
    ("items.0.extra", {**ITEM, "extra": 1}),
    ("items.0.context", {**ITEM, "context": "text"}),
    ("items.0.context", {**ITEM, "context": [1]}),
    ("items.0.context", {**ITEM, "context": {"a": "x" * 8_200}}),
    ("items.0.context", {**ITEM, "context": {"a": float("nan")}}),
    ("items.0.context", {**ITEM, "context": {"a": float("inf")}}),
    ("items.0.traceparent", {**ITEM, "traceparent": "x" * 300}),
    ("items.0.deadline_ms", {**ITEM, "deadline_ms": -1}),
    ("items.0.deadline_ms", {**ITEM, "deadline_ms": "soon"}),
    ("items.0.config_revision", {**ITEM, "config_revision": ""}),
    ("items.0.quote_id", {**ITEM, "quote_id": "a b"}),
    ("items.0.reverses", {**ITEM, "reverses": 5}),
    ("items.0.postings", post("t")),
    ("items.0.postings", post("t", leg("alice", 0))),
    ("items.0.postings", post("t", leg("alice", 0), leg("bob", 0))),
    ("items.0.postings", post("t", leg("alice", -5), leg("bob", 6))),
    ("items.0.postings", post("t", leg("alice", -5), leg("bob", 5, "EUR"))),
    ("items.0.postings", post("t", *[leg("alice", -1), leg("bob", 1)] * 51)),
    ("items.0.postings.0.account_id", with_leg(account_id="house:UP")),
    ("items.0.postings.0.account_id", with_leg(account_id="a/b/c")),
    ("items.0.postings.0.currency", with_leg(currency="ABC")),
    ("items.0.postings.0.currency", with_leg(currency="usd")),
    ("items.0.postings.0.amount_minor", with_leg(amount_minor=-(2**63))),
    ("items.0.postings.0.amount_minor", with_leg(amount_minor="-5")),
    ("items.0.postings.0.amount_minor", with_leg(amount_minor=-5.0)),
    ("items.0.postings.0.amount_minor", with_leg(amount_minor=True)),
    ("items.0.postings.0.amount_minor", with_leg(amount_minor=None)),
    ("items.0.postings.0.extra", with_leg(extra=1)),
    ("items.0.account_id", {**HOLD, "account_id": "house:world"}),
    ("items.0.amount_minor", {**HOLD, "amount_minor": 0}),
    ("items.0.amount_minor", {**HOLD, "amount_minor": -5}),
    ("items.0.amount_minor", {**HOLD, "amount_minor": 2**63}),
    ("items.0.expires_at", {**HOLD, "expires_at": "tomorrow"}),
    ("items.0.expires_at", {**HOLD, "expires_at": 2**60}),
    ("items.0.hold_id", void("t", "")),
    ("items.0.postings", capture("t", "h", "alice", "bob", 0)),
]


async def refuse(wallet: WalletApp, path: str, cases: list[tuple[str, Any]]) -> None:
    before = await count_rows(wallet.url)
    for field, body in cases:
        response = await wallet.client.post(path, content=json.dumps(body), headers=HEADERS)
        assert 400 <= response.status_code < 500, (body, response.text)
        assert response.headers["content-type"] == "application/problem+json"
        errors = response.json()["errors"]
        assert field in [e["field"] for e in errors], (body, errors)
        assert all(e["message"] for e in errors)
    assert await count_rows(wallet.url) == before


async def test_accounts_refuse_bad_fields(small_wallet: WalletApp) -> None:
    await refuse(small_wallet, "/accounts", ACCOUNTS)


async def test_deposits_refuse_bad_fields(small_wallet: WalletApp) -> None:
    await refuse(small_wallet, "/deposits", DEPOSITS)


async def test_a_bad_item_of_a_batch_fails_alone_and_names_its_field(
    small_wallet: WalletApp,
) -> None:
    for number, (field, bad) in enumerate(ITEMS):
        good = pay(f"good-{number}", "alice", "bob", 1)
        response = await small_wallet.client.post(
            "/transfers/batch", content=json.dumps({"items": [bad, good]}), headers=HEADERS
        )
        assert response.status_code == 200, (bad, response.text)
        skipped, applied = response.json()["results"]
        assert (skipped["status"], skipped["code"]) == ("skipped", "invalid"), bad
        assert f"items.0.{skipped['field']}".removesuffix(".body") == field, (bad, skipped)
        assert skipped["message"]
        assert applied["status"] == "applied", applied
    # Whatever a bad item was, its id is free, and another one can use it.
    assert (await small_wallet.transfer(pay("t", "alice", "bob", 1)))[0]["status"] == "applied"


async def test_a_batch_of_bad_items_changes_nothing(small_wallet: WalletApp) -> None:
    before = await count_rows(small_wallet.url)
    content = json.dumps({"items": [bad for _, bad in ITEMS]})

    response = await small_wallet.client.post("/transfers/batch", content=content, headers=HEADERS)

    assert {result["code"] for result in response.json()["results"]} == {"invalid"}
    assert await count_rows(small_wallet.url) == before


async def test_batches_refuse_bad_shapes(small_wallet: WalletApp) -> None:
    cases: list[tuple[str, Any]] = [
        ("items", {}),
        ("items", {"items": []}),
        ("items", {"items": [ITEM] * 1_001}),
        ("items", {"items": {}}),
        ("more", {"items": [ITEM], "more": 1}),
        ("body", []),
    ]
    await refuse(small_wallet, "/transfers/batch", cases)


NOT_JSON = [
    b"", b"{", b"\xff\xfe", b'{"items": NaN}', b'{"a": 1e400, "a"', b"[" * 100_000, b'"\\ud800',
]  # fmt: skip


@pytest.mark.parametrize("path", ["/accounts", "/deposits", "/transfers/batch", "/accounts/lookup"])
async def test_what_is_not_json_is_a_client_error(small_wallet: WalletApp, path: str) -> None:
    for body in NOT_JSON:
        response = await small_wallet.client.post(path, content=body, headers=HEADERS)
        assert 400 <= response.status_code < 500, (body[:20], response.text)
        assert response.headers["content-type"] == "application/problem+json"


async def test_reads_refuse_bad_parameters(small_wallet: WalletApp) -> None:
    cases = {
        "/accounts/alice/entries?limit=0": "limit",
        "/accounts/alice/entries?limit=201": "limit",
        "/accounts/alice/entries?limit=x": "limit",
        "/accounts/alice/entries?cursor=x": "cursor",
        "/accounts/alice/entries?cursor=-1": "cursor",
        "/accounts/alice/entries?cursor=99999999999999999999": "cursor",
        "/balance/a%20b": "account_id",
        "/balance/" + "a" * 65: "account_id",
        "/accounts/a%00b": "account_id",
        "/transfers/a%20b": "transfer_id",
    }
    for path, field in cases.items():
        response = await small_wallet.get(path)
        assert response.status_code == 422, path
        assert response.json()["errors"][0]["field"] == field


async def test_a_body_beyond_the_limit_is_refused_as_it_arrives(small_wallet: WalletApp) -> None:
    async def endless() -> Any:
        for _ in range(1_000):
            yield b" " * 65_536

    response = await small_wallet.client.post(
        "/transfers/batch", content=endless(), headers=HEADERS
    )
    assert (response.status_code, response.json()["code"]) == (413, "payload_too_large")
