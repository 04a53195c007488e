"""Opening accounts, finding them, and whose they are."""

from typing import Any

import pytest
from sqlalchemy import text
from tests.wallet.harness import WalletApp, caller, count_rows, pay, wallet_app

from kurs.data.database import Database


async def test_opening_answers_the_account_and_repeats(wallet: WalletApp) -> None:
    body = {"account_id": "dave", "settlement_currency": "IDR"}
    first = await wallet.post("/accounts", body)
    wallet.clock.advance(seconds=60)
    again = await wallet.post("/accounts", body)

    assert first.status_code == 200
    assert first.json() == {
        "account_id": "dave", "kind": "customer", "settlement_currency": "IDR", "overdrafts": [],
        "opened_at": "2026-01-01T00:00:00.000000Z", "payee_id": first.json()["payee_id"],
    }  # fmt: skip
    assert again.json() == first.json()
    assert (await wallet.get("/accounts/dave")).json() == first.json()


async def test_an_account_says_by_whom_it_was_opened_first(
    small_wallet: WalletApp, sqlite_ledger: str
) -> None:
    for key in ("k1", "k2"):
        headers = {**caller("demo", "pay,read"), "x-kurs-key-id": key}
        answer = await small_wallet.client.post(
            "/accounts", json={"account_id": "dave"}, headers=headers
        )
        assert answer.status_code == 200
    database = Database.open(sqlite_ledger)
    query = text("SELECT opened_by FROM accounts WHERE account_id = 'demo/dave'")
    assert await database.read(lambda c: c.execute(query).scalar()) == "demo/k1"
    await database.close()


async def test_many_accounts_open_in_one_transaction(wallet: WalletApp) -> None:
    names = [f"m{i}" for i in range(1_000)]
    opened = await wallet.post("/accounts", [{"account_id": name} for name in names])
    assert [a["account_id"] for a in opened.json()] == names

    mixed = [{"account_id": "new"}, {"account_id": "m1", "settlement_currency": "USD"}]
    response = await wallet.post("/accounts", mixed)
    assert response.status_code == 409
    assert response.json()["errors"][0]["field"] == "1.settlement_currency"
    assert (await wallet.get("/accounts/new")).status_code == 404


@pytest.mark.parametrize(
    ("first", "second", "merchant", "field"),
    [
        ({}, {"settlement_currency": "USD"}, "demo", "settlement_currency"),
        ({"settlement_currency": "USD"}, {}, "demo", "settlement_currency"),
        ({}, {"overdrafts": [{"currency": "USD", "amount": "1"}]}, "demo", "overdrafts"),
        ({"overdrafts": [{"currency": "USD", "amount": "1"}]}, {}, "demo", "overdrafts"),
    ],
)
async def test_an_account_with_other_content_is_taken(
    small_wallet: WalletApp,
    first: dict[str, Any],
    second: dict[str, Any],
    merchant: str,
    field: str,
) -> None:
    await small_wallet.post("/accounts", {"account_id": "dave", **first})
    response = await small_wallet.post(
        "/accounts", {"account_id": "dave", **second}, merchant=merchant
    )
    assert response.status_code == 409
    assert response.json()["code"] == "account_id_taken"
    assert response.json()["errors"][0]["field"] == field


async def test_one_id_twice_in_a_list_is_compared(small_wallet: WalletApp) -> None:
    same = await small_wallet.post("/accounts", [{"account_id": "dave"}, {"account_id": "dave"}])
    assert same.status_code == 200
    other = [{"account_id": "erin"}, {"account_id": "erin", "settlement_currency": "USD"}]
    response = await small_wallet.post("/accounts", other)
    assert response.json()["errors"][0]["field"] == "1.settlement_currency"


async def test_an_overdraft_can_be_spent(wallet: WalletApp) -> None:
    body = {"account_id": "dave", "overdrafts": [{"currency": "USD", "amount": "50"}]}
    opened = await wallet.post("/accounts", body)
    assert opened.json()["overdrafts"] == [{"currency": "USD", "amount": "50.00"}]
    results = await wallet.transfer(pay("a", "dave", "bob", 50_00), pay("b", "dave", "bob", 1))

    assert [r["status"] for r in results] == ["applied", "refused"]
    assert await wallet.line("dave") == {
        "currency": "USD", "available": "0.00", "held": "0.00", "total": "-50.00",
    }  # fmt: skip


async def test_an_overdraft_needs_the_role_treasury(small_wallet: WalletApp) -> None:
    body = {"account_id": "dave", "overdrafts": [{"currency": "USD", "amount": "50"}]}
    response = await small_wallet.post("/accounts", body, roles="pay")
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert (await small_wallet.get("/accounts/dave")).status_code == 404


async def test_an_overdraft_has_a_ceiling(small_wallet: WalletApp) -> None:
    absurd = {"account_id": "dave", "overdrafts": [{"currency": "USD", "amount": "92233720368547"}]}
    response = await small_wallet.post("/accounts", absurd)
    assert (response.status_code, response.json()["code"]) == (422, "ceiling_exceeded")
    assert (await small_wallet.get("/accounts/dave")).status_code == 404


@pytest.mark.parametrize("path", ["/accounts/{}", "/balance/{}", "/accounts/{}/entries"])
async def test_another_merchants_account_is_not_there(small_wallet: WalletApp, path: str) -> None:
    for account in ("carol", "nobody", "house:world"):
        response = await small_wallet.get(path.format(account))
        assert (response.status_code, response.json()["code"]) == (404, "account_not_found")
    assert (await small_wallet.get(path.format("carol"), merchant="shop")).status_code == 200
    seen = await small_wallet.get(path.format("house:world"), roles="read,audit")
    assert seen.status_code == 200


async def test_lookup_finds_accounts_of_any_merchant_in_order(wallet: WalletApp) -> None:
    ids = ["shop/carol", "nobody", "alice", "carol", "house:liquidity"]
    body = {"account_ids": ids, "merchants": ["demo", "demo", "demo", "shop", None]}
    for _ in range(2):
        response = await wallet.client.post("/accounts/lookup", json=body)
        found = response.json()["accounts"]
        assert [a and (a["account_id"], a["merchant"], a["kind"]) for a in found] == [
            ("shop/carol", "shop", "customer"),
            None,
            ("demo/alice", "demo", "customer"),
            ("shop/carol", "shop", "customer"),
            ("house:liquidity", "house:", "house"),
        ]
        assert found[0]["opened_at"] == wallet.clock.now()


async def test_an_account_opened_after_a_lookup_is_found(small_wallet: WalletApp) -> None:
    body = {"account_ids": ["dave"], "merchants": ["demo"]}
    assert (await small_wallet.client.post("/accounts/lookup", json=body)).json() == {
        "accounts": [None]
    }
    await small_wallet.open("dave")
    found = (await small_wallet.client.post("/accounts/lookup", json=body)).json()["accounts"]
    assert found[0]["account_id"] == "demo/dave"


async def test_two_processes_open_the_same_accounts(postgres_ledger: str) -> None:
    async with (
        wallet_app(postgres_ledger, instance="a") as one,
        wallet_app(postgres_ledger, instance="b") as two,
    ):
        body = [{"account_id": f"n{i}"} for i in range(50)]
        first = await one.post("/accounts", body)
        second = await two.post("/accounts", list(reversed(body)))
        assert list(reversed(second.json())) == first.json()
    assert (await count_rows(postgres_ledger))["accounts"] == 53
