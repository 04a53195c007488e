"""Entries by cursor and the trial balance."""

from tests.wallet.harness import WalletApp, fx, pay, wallet_app


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
        "currency": "USD", "amount": "-0.07", "created_at": "2026-01-01T00:00:00.000000Z",
    }  # fmt: skip


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
