"""An account is `merchant/name`: nobody takes another's name, and old accounts keep their ids."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from tests.wallet.harness import (
    WalletApp,
    count_rows,
    deposit,
    hold,
    open_as_before,
    pay,
    wallet_app,
)

from kurs.data.database import Database


async def stored_ids(url: str, *names: str) -> Sequence[Any]:
    database = Database.open(url)
    query = text("SELECT account_id FROM accounts WHERE kind = 'customer' ORDER BY account_id")
    ids = await database.read(lambda c: c.execute(query).scalars().all())
    await database.close()
    return [i for i in ids if i.rpartition("/")[2] in names]


async def posted(wallet: WalletApp, *items: dict[str, Any]) -> list[dict[str, Any]]:
    """Send items as they are, as a release that knows no `merchant/name` does."""
    response = await wallet.client.post("/transfers/batch", json={"items": items})
    results: list[dict[str, Any]] = response.json()["results"]
    return results


async def look_up(wallet: WalletApp, merchant: str | None, account: str) -> str | None:
    body = {"account_ids": [account], "merchants": [merchant]}
    (found,) = (await wallet.client.post("/accounts/lookup", json=body)).json()["accounts"]
    return found and str(found["account_id"])


async def test_guesses_tell_nothing_of_anothers_accounts(wallet: WalletApp) -> None:
    """Opening a name answers the same whether another merchant has it or not."""
    taken = await wallet.post("/accounts", {"account_id": "carol"})
    free = await wallet.post("/accounts", {"account_id": "karol"})
    for answer, name in ((taken, "carol"), (free, "karol")):
        body = answer.json()
        assert (answer.status_code, body.pop("payee_id")[:6]) == (200, "payee_")
        assert body == {**body, "account_id": name, "kind": "customer", "overdrafts": []}
    assert taken.json().keys() == free.json().keys()


async def test_every_merchant_has_the_name(wallet: WalletApp, ledger_url: str) -> None:
    for merchant in ("demo", "shop", "third"):
        response = await wallet.post("/accounts", {"account_id": "toko"}, merchant=merchant)
        assert (response.status_code, response.json()["account_id"]) == (200, "toko")
    assert await stored_ids(ledger_url, "toko") == ["demo/toko", "shop/toko", "third/toko"]

    await wallet.deposit("toko", "5.00", merchant="shop")
    for path in ("/accounts/toko", "/balance/toko", "/accounts/toko/entries"):
        assert (await wallet.get(path, merchant="shop")).status_code == 200
        assert (await wallet.get(path.replace("toko", "shop%2Ftoko"))).status_code in (403, 404)
    own = (await wallet.get("/balance/toko")).json()
    assert (own["account_id"], own["balances"]) == ("toko", [])


async def test_postings_name_ones_own_or_the_merchant(wallet: WalletApp) -> None:
    for merchant in ("demo", "shop"):
        await wallet.open("toko", merchant=merchant)
    results = await wallet.transfer(
        pay("a", "alice", "toko", 1_00),
        pay("b", "demo/alice", "shop/toko", 2_00),
        pay("c", "alice", "carol", 1_00),
        pay("d", "shop/toko", "alice", 1_00),
        pay("e", "alice", "third/toko", 1_00),
        hold("f", "shop/toko", 1_00, wallet.clock),
    )
    assert [r["status"] for r in results] == ["applied", "applied"] + ["refused"] * 4
    assert {r["code"] for r in results[2:]} == {"account_not_found"}
    assert await wallet.total("toko") == "1.00"
    shops = (await wallet.get("/balance/toko", merchant="shop")).json()["balances"]
    assert [b["total"] for b in shops] == ["2.00"]


async def test_another_merchants_account_is_refused_alike_whether_there_or_not(
    small_wallet: WalletApp,
) -> None:
    """To take from it; that it can be paid to is what its merchant gave the name for."""
    there, absent, nobodys = await small_wallet.transfer(
        pay("a", "shop/carol", "alice", 1), pay("b", "shop/karol", "alice", 1),
        pay("c", "shap/carol", "alice", 1),
    )  # fmt: skip
    for result in (there, absent, nobodys):
        result.pop("transfer_id")
        result["message"] = result["message"].rpartition(" ")[0]
    assert there == absent == nobodys


async def test_old_accounts_keep_their_ids(wallet: WalletApp, ledger_url: str) -> None:
    await open_as_before(ledger_url, ("dave", "demo"), ("erin", "shop"))

    again = await wallet.post("/accounts", {"account_id": "dave"})
    assert (again.status_code, again.json()["account_id"]) == (200, "dave")
    assert await stored_ids(ledger_url, "dave") == ["dave"]
    other = await wallet.post("/accounts", {"account_id": "dave"}, merchant="shop")
    assert other.status_code == 200
    assert await stored_ids(ledger_url, "dave") == ["dave", "shop/dave"]

    results = await wallet.transfer(
        pay("a", "alice", "dave", 3_00),
        pay("b", "alice", "shop/erin", 2_00),
        pay("c", "demo/dave", "alice", 1_00),
        hold("d", "dave", 1_00, wallet.clock),
        pay("e", "shop/erin", "alice", 1_00),
        pay("f", "alice", "shop/dave", 1_00),
    )
    assert [r["status"] for r in results] == ["applied"] * 4 + ["refused", "applied"]
    line = {"currency": "USD", "available": "1.00", "held": "1.00", "total": "2.00"}
    assert await wallet.line("dave") == line
    assert (await wallet.get("/balance/erin")).status_code == 404
    await wallet.deposit("dave", "1.00")
    assert await wallet.total("dave") == "3.00"
    entries = (await wallet.get("/accounts/dave/entries")).json()["items"]
    assert [e["amount"] for e in entries] == ["1.00", "-1.00", "3.00"]


async def test_what_an_old_id_stands_for(wallet: WalletApp, ledger_url: str) -> None:
    """A merchant's bare name is its own, once it has one; the ledger's own id stays what it was."""
    await open_as_before(ledger_url, ("erin", "shop"))
    assert await look_up(wallet, "demo", "erin") == "shop/erin"
    assert await look_up(wallet, "demo", "shop/erin") == "shop/erin"
    await wallet.open("erin")
    assert await look_up(wallet, "demo", "erin") == "demo/erin"
    assert await look_up(wallet, None, "erin") == "shop/erin"

    # A payment that an earlier release began goes on to the account that it began with.
    (old, own) = await posted(
        wallet, pay("a", "alice", "erin", 2_00), pay("b", "demo/alice", "demo/erin", 3_00)
    )
    assert (old["status"], own["status"]) == ("applied", "applied")
    theirs = (await wallet.get("/balance/erin", merchant="shop")).json()["balances"]
    assert ([b["total"] for b in theirs], await wallet.total("erin")) == (["2.00"], "3.00")


async def test_a_repeated_transfer_names_the_same_account(
    wallet: WalletApp, ledger_url: str
) -> None:
    """What was asked for by a bare id is the same content by the whole name, and stays refused."""
    await open_as_before(ledger_url, ("dave", "demo"))
    first = [
        *await posted(wallet, pay("a", "alice", "dave", 1)),
        *await wallet.transfer(pay("b", "alice", "shop/late", 1)),
    ]
    await wallet.open("late", merchant="shop")
    again = await wallet.transfer(pay("a", "alice", "dave", 1), pay("b", "alice", "shop/late", 1))
    assert [r["status"] for r in first] == ["applied", "refused"]
    for before, after in zip(first, again, strict=True):
        after.pop("stored")
        assert after == {**before, "replayed": True}


async def test_a_replica_of_the_release_before_does_not_open_a_name_twice(
    wallet: WalletApp, ledger_url: str
) -> None:
    await wallet.open("dave")
    with pytest.raises(IntegrityError):
        await open_as_before(ledger_url, ("dave", "demo"))
    await open_as_before(ledger_url, ("dave", "shop"))
    assert await stored_ids(ledger_url, "dave") == ["dave", "demo/dave"]


async def test_merchants_that_open_one_name_at_once_do_not_meet(postgres_ledger: str) -> None:
    async with (
        wallet_app(postgres_ledger, instance="a") as one,
        wallet_app(postgres_ledger, instance="b") as two,
    ):
        body = [{"account_id": f"n{i}"} for i in range(20)]
        opened = await asyncio.gather(
            *(
                wallet.post("/accounts", body, merchant=merchant)
                for merchant in ("x", "y")
                for wallet in (one, two)
            )
        )
        assert {answer.status_code for answer in opened} == {200}
        # Whichever of the two was first: each account has one payee id.
        assert opened[0].json() == opened[1].json()
        assert opened[2].json() == opened[3].json()
    assert (await count_rows(postgres_ledger))["accounts"] == 3 + 40


async def test_a_payee_id_stands_for_one_account(wallet: WalletApp, ledger_url: str) -> None:
    await open_as_before(ledger_url, ("erin", "shop"))
    ids = {}
    for name in ("carol", "erin"):
        body = (await wallet.get(f"/accounts/{name}", merchant="shop")).json()
        again = (await wallet.post("/accounts", {"account_id": name}, merchant="shop")).json()
        assert again == body
        ids[name] = body["payee_id"]
        assert name not in ids[name]
        assert await look_up(wallet, "demo", ids[name]) == f"shop/{name}"
        # Payable, and no more than that.
        assert (await wallet.get(f"/accounts/{ids[name]}")).status_code == 404
        assert (await wallet.get(f"/balance/{ids[name]}")).status_code == 404
    assert ids["carol"] != ids["erin"]
    assert await look_up(wallet, "demo", "payee_" + "0" * 32) is None
    house = await wallet.get("/accounts/house:world", roles="read,audit")
    assert house.json()["payee_id"] is None


async def test_no_account_is_opened_under_the_form_of_a_payee_id(small_wallet: WalletApp) -> None:
    known = (await small_wallet.get("/accounts/carol", merchant="shop")).json()["payee_id"]
    response = await small_wallet.post("/accounts", {"account_id": known})
    (error,) = response.json()["errors"]
    assert (response.status_code, error["field"]) == (422, "account_id")
    assert error["hint"]


async def test_opening_is_budgeted(ledger_url: str) -> None:
    await open_as_before(ledger_url, ("old", "demo"))
    async with wallet_app(ledger_url, accounts_max=4, accounts_daily_max=3) as wallet:

        async def opened(*names: str, merchant: str = "demo") -> tuple[int, str | None]:
            body = [{"account_id": name} for name in names]
            answer = await wallet.post("/accounts", body, merchant=merchant)
            said = answer.json()
            if answer.status_code == 200:
                return 200, None
            assert (said["errors"][0]["field"], bool(said["errors"][0]["hint"])) == (
                "account_id",
                True,
            )
            return answer.status_code, said["code"]

        assert await opened("a", "b", "c") == (200, None)
        assert await opened("d") == (429, "account_budget")
        assert (await wallet.get("/accounts/d")).status_code == 404
        assert await opened("a", "c", "old") == (200, None)
        assert await opened("d", merchant="shop") == (200, None)
        wallet.clock.advance(seconds=86_400)
        assert await opened("d", "e") == (429, "account_budget")
        assert await opened("d") == (200, None)
        assert await opened("e") == (429, "account_budget")


async def test_to_repeat_or_to_ask_for_more_than_the_budget_writes_nothing(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wallet_app(ledger_url, accounts_daily_max=3) as wallet:
        body: list[dict[str, Any]] = [{"account_id": name} for name in "ab"]
        opened = await wallet.post("/accounts", body)
        monkeypatch.delattr("wallet.opening.open_accounts")
        monkeypatch.delattr("wallet.opening.give_payee_ids")

        assert (await wallet.post("/accounts", body)).json() == opened.json()
        more = [{"account_id": name} for name in "acd"]
        assert (await wallet.post("/accounts", more)).status_code == 429
        other = {"account_id": "a", "settlement_currency": "IDR"}
        taken = await wallet.post("/accounts", [more[1], other])
        assert (taken.status_code, taken.json()["errors"][0]["field"]) == (
            409,
            "1.settlement_currency",
        )


async def test_a_budget_holds_for_all_processes_together(postgres_ledger: str) -> None:
    limits = {"accounts_daily_max": 10}
    async with (
        wallet_app(postgres_ledger, instance="a", **limits) as one,
        wallet_app(postgres_ledger, instance="b", **limits) as two,
    ):
        answers = await asyncio.gather(
            *(
                (one, two)[i % 2].post("/accounts", [{"account_id": f"n{i}-{j}"} for j in range(4)])
                for i in range(6)
            )
        )
    assert sorted(a.status_code for a in answers) == [200] * 2 + [429] * 4
    assert (await count_rows(postgres_ledger))["accounts"] == 3 + 8


async def test_the_treasury_names_the_merchant(wallet: WalletApp, ledger_url: str) -> None:
    await open_as_before(ledger_url, ("erin", "shop"))
    await wallet.open("toko", merchant="shop")
    payee = (await wallet.get("/accounts/toko", merchant="shop")).json()["payee_id"]
    for number, named in enumerate(("shop/toko", payee, "shop/erin", "demo/alice", "alice")):
        for _ in range(2):
            made = await wallet.post("/deposits", deposit(f"d{number}", named, "5.00"))
            assert made.status_code == 200, made.text
        assert made.json()["account_id"] == named.removeprefix("demo/")
    for missing in ("shop/nobody", "nobody/toko", "toko", "erin", "payee_" + "0" * 32):
        refused = await wallet.post("/deposits", deposit("e", missing, "5.00"))
        assert (refused.status_code, refused.json()["code"]) == (404, "account_not_found")
    lines = (await wallet.get("/balance/toko", merchant="shop")).json()["balances"]
    assert ([b["total"] for b in lines], await wallet.total("alice")) == (["10.00"], "110.00")
