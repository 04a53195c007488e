"""Money from the outside world: repeatable, and only to one's own account."""

import asyncio
import json
from io import StringIO

import pytest
from tests.wallet.harness import WalletApp, count_rows, deposit, wallet_app


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


async def test_one_absurd_deposit_blocks_the_currency_for_nobody(small_wallet: WalletApp) -> None:
    for top in ("92233720368547758.07", "92233720368547657.00", "10000000000000000.00"):
        response = await small_wallet.post("/deposits", deposit("d1", "alice", top))
        assert (response.status_code, response.json()["code"]) == (422, "ceiling_exceeded")
        assert response.json()["errors"][0]["field"] == "amount"
    assert await small_wallet.total("alice") == "100.00"
    assert (await small_wallet.post("/deposits", deposit("d2", "bob", "1"))).status_code == 200


CEILINGS = {
    "deposit_max_minor": {"*": 100_00, "JPY": 1_000},
    "deposit_daily_max_minor": {"*": 250_00, "JPY": 0},
    "deposit_total_max_minor": {"*": 500_00},
}


async def refused(wallet: WalletApp, name: str, amount: str, currency: str = "EUR") -> str | None:
    response = await wallet.post("/deposits", deposit(name, "alice", amount, currency))
    if response.status_code == 200:
        return None
    assert (response.status_code, response.json()["code"]) == (422, "ceiling_exceeded")
    return str(response.json()["detail"])


async def test_deposits_have_ceilings_by_size_by_day_and_in_all(ledger_url: str) -> None:
    async with wallet_app(ledger_url, **CEILINGS) as wallet:
        await wallet.open("alice")
        assert "of one deposit" in (await refused(wallet, "a", "100.01") or "")
        for name in ("b", "c"):
            assert await refused(wallet, name, "100.00") is None
        assert "of a day" in (await refused(wallet, "d", "50.01") or "")
        assert await refused(wallet, "d", "50.00") is None
        assert "of a day" in (await refused(wallet, "e", "0.01") or "")
        assert "of a day" in (await refused(wallet, "e", "1", "JPY") or "")
        # What was deposited is answered again, and another currency has a room of its own.
        assert await refused(wallet, "b", "100.00") is None
        assert await refused(wallet, "f", "100.00", "CHF") is None
        wallet.clock.advance(seconds=86_400)
        for name in ("g", "h"):
            assert await refused(wallet, name, "100.00") is None
        assert await refused(wallet, "i", "50.00") is None
        wallet.clock.advance(seconds=86_400)
        assert "of all deposits" in (await refused(wallet, "j", "0.01") or "")
        assert await wallet.total("alice", "EUR") == "500.00"


async def test_two_processes_do_not_both_take_what_is_left(postgres_ledger: str) -> None:
    patient = {**CEILINGS, "database_lock_seconds": 60.0}
    async with (
        wallet_app(postgres_ledger, instance="a", **patient) as one,
        wallet_app(postgres_ledger, instance="b", **patient) as two,
    ):
        await one.open("alice")
        made = await asyncio.gather(
            *(
                refused(wallet, f"{wallet is one}-{i}", "10.00")
                for i in range(20)
                for wallet in (one, two)
            )
        )
        assert made.count(None) == 25
        assert await two.total("alice", "EUR") == "250.00"


async def test_each_deposit_and_overdraft_leaves_an_audit_line_with_its_actor(
    sqlite_ledger: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = StringIO()
    monkeypatch.setattr("kurs.telemetry.service.standard_output", lambda: log)
    deep = {"account_id": "deep", "overdrafts": [{"currency": "USD", "amount": "10"}]}
    async with wallet_app(sqlite_ledger, overdraft_max_minor={"*": 10_00}) as wallet:
        await wallet.open("alice")
        for amount in ("1", "1", "2"):
            await wallet.post("/deposits", deposit("d1", "alice", amount))
        assert (await wallet.post("/accounts", [deep], roles="pay")).status_code == 403
        assert (await wallet.post("/accounts", [deep])).status_code == 200

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    told = [line for line in lines if line["event"] == "audit"]
    assert [(line["action"], line["outcome"]) for line in told] == [
        ("deposit", "done"), ("deposit", "replayed"), ("deposit", "transfer_id_reused"),
        ("overdraft", "forbidden"), ("overdraft", "done"),
    ]  # fmt: skip
    assert {line["actor"] for line in told} == {"demo/k1"}
    assert told[0]["amount_minor"] == 100
