"""Money from the outside world: repeatable, and only to one's own account."""

import pytest
from tests.wallet.harness import WalletApp, count_rows, deposit


async def test_a_deposit_repeats_with_the_same_answer(wallet: WalletApp) -> None:
    body = deposit("d1", "alice", "12.5")
    first = await wallet.post("/deposits", body)
    wallet.clock.advance(seconds=60)
    again = await wallet.post("/deposits", body)

    assert first.status_code == 200
    assert first.json() == {
        "deposit_id": "d1", "account_id": "alice", "currency": "USD", "amount": "12.50",
        "status": "applied", "created_at": "2026-01-01T00:00:00.000000Z",
    }  # fmt: skip
    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert await wallet.total("alice") == "112.50"
    assert await wallet.total("house:world") == "-212.50"


@pytest.mark.parametrize(
    ("account", "amount", "currency", "field"),
    [
        ("bob", "12.50", "USD", "account_id"),
        ("nobody", "12.50", "USD", "account_id"),
        ("alice", "12.51", "USD", "amount"),
        ("alice", "12.50", "EUR", "currency"),
    ],
)
async def test_a_deposit_id_with_other_content_is_a_conflict(
    small_wallet: WalletApp, account: str, amount: str, currency: str, field: str
) -> None:
    await small_wallet.post("/deposits", deposit("d1", "alice", "12.50"))
    response = await small_wallet.post("/deposits", deposit("d1", account, amount, currency))
    assert (response.status_code, response.json()["code"]) == (409, "deposit_conflict")
    assert response.json()["errors"][0]["field"] == field
    assert await small_wallet.total("alice") == "112.50"


async def test_deposit_ids_are_the_merchants_own(small_wallet: WalletApp) -> None:
    await small_wallet.post("/deposits", deposit("d1", "alice", "1"))
    other = await small_wallet.post("/deposits", deposit("d1", "carol", "2"), merchant="shop")
    assert other.status_code == 200


@pytest.mark.parametrize("account", ["nobody", "carol"])
async def test_a_deposit_to_no_account_of_ones_own_stores_nothing(
    small_wallet: WalletApp, sqlite_ledger: str, account: str
) -> None:
    before = await count_rows(sqlite_ledger)
    response = await small_wallet.post("/deposits", deposit("d1", account, "1"))
    assert (response.status_code, response.json()["code"]) == (404, "account_not_found")
    assert response.json()["errors"][0]["field"] == "account_id"
    assert await count_rows(sqlite_ledger) == before
    assert (await small_wallet.post("/deposits", deposit("d1", "alice", "1"))).status_code == 200


async def test_a_deposit_beyond_64_bits_is_refused(small_wallet: WalletApp) -> None:
    top = "92233720368547758.07"
    response = await small_wallet.post("/deposits", deposit("d1", "alice", top))
    assert (response.status_code, response.json()["code"]) == (422, "amount_overflow")
    assert await small_wallet.total("alice") == "100.00"
