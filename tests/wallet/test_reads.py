"""Entries by cursor and the trial balance."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from tests.wallet.harness import WalletApp, fx, open_as_before, pay, wallet_app

from wallet.store import lists


async def test_entries_come_newest_first_page_by_page(wallet: WalletApp) -> None:
    await wallet.transfer(*[pay(f"t{i}", "alice", "bob", i + 1) for i in range(7)])
    seen, cursor = [], ""
    while cursor is not None:
        page = (await wallet.get(f"/accounts/alice/entries?limit=3{cursor}")).json()
        seen += page["items"]
        assert len(page["items"]) <= 3
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"

    assert [e["amount"] for e in seen] == [
        "-0.07", "-0.06", "-0.05", "-0.04", "-0.03", "-0.02", "-0.01", "100.00",
    ]  # fmt: skip
    assert seen[-1]["kind"] == "deposit"
    assert seen[0] == {
        "entry_id": seen[0]["entry_id"], "transfer_id": "pay:demo:t6", "kind": "post",
        "currency": "USD", "amount": "-0.07", "balance": "99.72", "other_party": "bob",
        "payment_id": "t6", "created_at": "2026-01-01T00:00:00.000000Z",
    }  # fmt: skip


async def test_every_entry_has_the_balance_after_it(wallet: WalletApp) -> None:
    for i in range(4):
        await wallet.transfer(pay(f"t{i}", "alice", "bob", 1_00), fx(f"x{i}", "alice", "bob", 1_00))
        await wallet.transfer(pay(f"b{i}", "bob", "alice", 1_50))
    for account in ("alice", "bob"):
        seen, cursor = [], ""
        while cursor is not None:
            page = (await wallet.get(f"/accounts/{account}/entries?limit=3{cursor}")).json()
            seen += page["items"]
            cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
            # What comes meanwhile is newer than every page that follows.
            await wallet.transfer(pay(f"n{account}{len(seen)}", "alice", "bob", 1))
        sums: dict[str, Decimal] = {}
        for entry in reversed(seen):
            currency = entry["currency"]
            sums[currency] = sums.get(currency, Decimal()) + Decimal(entry["amount"])
            assert Decimal(entry["balance"]) == sums[currency], entry
        assert len(seen) == len({entry["entry_id"] for entry in seen}) > 12


async def test_an_entry_names_the_other_party_as_its_reader_may_know_it(wallet: WalletApp) -> None:
    await wallet.open("till", merchant="rival")
    till = (await wallet.get("/accounts/till", merchant="rival")).json()["payee_id"]
    alice = (await wallet.get("/accounts/alice")).json()["payee_id"]
    await wallet.transfer(pay("t", "demo/alice", "rival/till", 1_00))

    (mine, funds) = (await wallet.get("/accounts/alice/entries")).json()["items"]
    assert (mine["other_party"], mine["payment_id"]) == (till, "t")
    assert (funds["other_party"], funds["payment_id"]) == (None, None)
    (theirs,) = (await wallet.get("/accounts/till/entries", merchant="rival")).json()["items"]
    assert (theirs["other_party"], theirs["payment_id"]) == (alice, None)
    audited = (await wallet.get("/accounts/alice/entries", roles="read,audit")).json()["items"]
    assert audited[0]["other_party"] == "rival/till"


@pytest.mark.parametrize("cursor", ["W10x", "WyJhIl0", "WzEse31dXQ", "WzEseyJVU0QiOjEuNX1d"])
async def test_a_cursor_of_nobody_is_refused(wallet: WalletApp, cursor: str) -> None:
    answer = await wallet.get(f"/accounts/alice/entries?cursor={cursor}AAAA")
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_invalid")


async def test_a_cursor_of_the_release_before_goes_on(wallet: WalletApp) -> None:
    await wallet.transfer(*[pay(f"t{i}", "alice", "bob", i + 1) for i in range(3)])
    newest = (await wallet.get("/accounts/alice/entries?limit=1")).json()["items"][0]
    page = (await wallet.get(f"/accounts/alice/entries?cursor={newest['entry_id']}")).json()
    assert [e["amount"] for e in page["items"]] == ["-0.02", "-0.01", "100.00"]
    assert [e["balance"] for e in page["items"]] == [None] * 3


async def test_a_statement_has_what_happened_in_its_period(wallet: WalletApp) -> None:
    for i in range(4):
        await wallet.transfer(pay(f"t{i}", "alice", "bob", 1_00))
        wallet.clock.advance(seconds=86_400)
    period = "created_after=2026-01-02T00:00:00Z&created_before=2026-01-04T00:00:00Z"
    answer = await wallet.get(f"/accounts/alice/statement.csv?{period}")
    assert answer.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [(e["payment_id"], e["amount"], e["balance"]) for e in lines] == [
        ("t2", "-1.00", "97.00"), ("t1", "-1.00", "98.00"),
    ]  # fmt: skip
    absent = await wallet.get("/accounts/alice/statement.csv", merchant="rival")
    assert absent.status_code == 404


async def test_a_statement_of_any_day_begins_there_with_the_balance_of_it(
    wallet: WalletApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = []
    read = lists.entries

    def entries(*given: Any, **asked: Any) -> lists.Entries:
        found = read(*given, **asked)
        pages.append(len(found.items))
        return found

    monkeypatch.setattr(lists, "entries", entries)
    for day in range(8):
        await wallet.transfer(
            *[pay(f"t{day}-{i}", "alice", "bob", 1_00) for i in range(2)],
            fx(f"x{day}", "bob", "alice", 10),
        )
        wallet.clock.advance(seconds=86_400)
    whole = csv.DictReader((await wallet.get("/accounts/alice/statement.csv")).text.splitlines())
    every = list(whole)
    for day in range(1, 9):
        end = f"2026-01-0{day}T12:00:00Z"
        pages.clear()
        answer = await wallet.get(f"/accounts/alice/statement.csv?created_before={end}")
        until = list(csv.DictReader(answer.text.splitlines()))
        assert until == [each for each in every if each["created_at"] < end]
        assert pages == [len(until)]
    answer = await wallet.get("/accounts/alice/statement.csv?created_before=2025-01-01T00:00:00Z")
    assert answer.text.count("\n") == 1


async def test_accounts_are_listed_by_name_with_what_they_hold(wallet: WalletApp) -> None:
    await wallet.open("shop-1", "shop-2", "shop-3")
    await wallet.open("theirs", merchant="rival")
    await open_as_before(wallet.url, ("old-shop", "demo"))
    names, cursor = [], ""
    while cursor is not None:
        page = (await wallet.get(f"/accounts?limit=2{cursor}")).json()
        names += [account["account_id"] for account in page["items"]]
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
    assert names == ["alice", "bob", "old-shop", "shop-1", "shop-2", "shop-3"]

    found = (await wallet.get("/accounts?prefix=shop-")).json()["items"]
    assert [account["account_id"] for account in found] == ["shop-1", "shop-2", "shop-3"]
    (alice,) = (await wallet.get("/accounts?prefix=alice")).json()["items"]
    balances = alice.pop("balances")
    assert alice == (await wallet.get("/accounts/alice")).json()
    assert balances == (await wallet.get("/balance/alice")).json()["balances"]


async def test_the_trial_balance_is_computed_from_the_postings(wallet: WalletApp) -> None:
    await wallet.transfer(fx("t", "alice", "bob", 10_00))
    response = await wallet.get("/ledger/trial-balance", roles="audit")
    assert response.json() == {
        "currencies": [
            {"currency": "IDR", "sum": "0.00", "accounts": 3, "postings": 3},
            {"currency": "USD", "sum": "0.00", "accounts": 4, "postings": 6},
        ]
    }


async def test_sums_of_huge_postings_stay_exact(ledger_url: str) -> None:
    """What went to and fro is more than 64 bits hold."""
    most = 10**17
    names = ("deposit_max_minor", "deposit_daily_max_minor", "deposit_total_max_minor")
    async with wallet_app(ledger_url, **{name: {"*": most} for name in names}) as wallet:
        await wallet.open("alice", "bob")
        await wallet.deposit("alice", f"{most // 100}.00")
        ways = (("alice", "bob"), ("bob", "alice"))
        results = await wallet.transfer(*(pay(f"p{i}", *ways[i % 2], most) for i in range(201)))
        assert [r["status"] for r in results] == ["applied"] * 201
        response = await wallet.get("/ledger/trial-balance", roles="audit")
        assert response.json()["currencies"] == [
            {"currency": "USD", "sum": "0.00", "accounts": 3, "postings": 404}
        ]
        assert await wallet.total("bob") == f"{most // 100}.00"


async def test_a_reader_without_a_merchant_is_turned_away(small_wallet: WalletApp) -> None:
    response = await small_wallet.client.get("/balance/alice")
    assert (response.status_code, response.json()["code"]) == (401, "merchant_required")


async def test_an_unknown_transfer_is_not_found(small_wallet: WalletApp) -> None:
    response = await small_wallet.client.get("/transfers/nothing")
    assert (response.status_code, response.json()["code"]) == (404, "transfer_not_found")
