"""Entries by cursor and the trial balance."""

from tests.wallet.harness import WalletApp, fx, pay


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


async def test_sums_of_huge_postings_stay_exact(wallet: WalletApp) -> None:
    top = 2**63 - 1
    await wallet.deposit("alice", "92233720368547558.07")
    results = await wallet.transfer(
        pay("a", "alice", "bob", top - 100_00), pay("b", "bob", "carol", top)
    )
    assert [r["status"] for r in results] == ["applied"] * 2
    response = await wallet.get("/ledger/trial-balance", roles="audit")
    assert response.json()["currencies"] == [
        {"currency": "USD", "sum": "0.00", "accounts": 4, "postings": 10}
    ]
    carol = (await wallet.get("/balance/carol", merchant="shop")).json()
    assert carol["balances"][0]["total"] == "92233720368547758.07"


async def test_a_reader_without_a_merchant_is_turned_away(small_wallet: WalletApp) -> None:
    response = await small_wallet.client.get("/balance/alice")
    assert (response.status_code, response.json()["code"]) == (401, "merchant_required")


async def test_an_unknown_transfer_is_not_found(small_wallet: WalletApp) -> None:
    response = await small_wallet.client.get("/transfers/nothing")
    assert (response.status_code, response.json()["code"]) == (404, "transfer_not_found")
