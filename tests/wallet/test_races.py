"""Many at once: nobody goes below the limit, and an id or a quote is used once."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from tests.wallet.harness import WalletApp, broken_invariants, fx, fx_back, hold, pay, wallet_app

PAYERS = 200


async def drain(apps: list[WalletApp], make: Any) -> Counter[tuple[str, str | None]]:
    """Send 200 items at once, each as its own request, round robin over the apps."""
    answers = await asyncio.gather(*[apps[i % len(apps)].transfer(make(i)) for i in range(PAYERS)])
    return Counter((r["status"], r.get("code")) for (r,) in answers)


async def test_two_hundred_payments_cannot_overdraw_an_account(wallet: WalletApp) -> None:
    counts = await drain([wallet], lambda i: fx(f"t{i}", "alice", "bob", 77))
    assert counts == {("applied", None): 129, ("refused", "insufficient_funds"): 71}
    assert await wallet.total("alice") == "0.67"


@pytest.mark.postgres
async def test_two_processes_on_one_database_cannot_overdraw_an_account(
    postgres_ledger: str,
) -> None:
    async with (
        wallet_app(postgres_ledger, instance="a") as one,
        wallet_app(postgres_ledger, instance="b") as two,
    ):
        await one.open("alice", "bob")
        await one.deposit("alice", "100.00")
        counts = await drain([one, two], lambda i: fx(f"t{i}", "alice", "bob", 77))
        assert counts == {("applied", None): 129, ("refused", "insufficient_funds"): 71}
        assert await two.total("alice") == "0.67"
        assert await one.total("house:liquidity") == "99.33"
    assert await broken_invariants(postgres_ledger) == []


@pytest.mark.postgres
async def test_two_processes_use_an_id_and_a_quote_once(postgres_ledger: str) -> None:
    async with (
        wallet_app(postgres_ledger, instance="a") as one,
        wallet_app(postgres_ledger, instance="b") as two,
    ):
        await one.open("alice", "bob")
        await one.deposit("alice", "100.00")
        same = [pay(f"same-{i}", "alice", "bob", 1) for i in range(10)]
        first, second = (
            [pay(f"{p}-{i}", "alice", "bob", 1, quote_id=f"q{i}") for i in range(10)] for p in "xy"
        )
        await asyncio.gather(
            *[app.transfer(item) for item in same for app in (one, two)],
            one.transfer(*first),
            two.transfer(*reversed(second)),
        )
        assert await one.total("bob") == "0.20"
    assert await broken_invariants(postgres_ledger) == []


@pytest.mark.postgres
async def test_two_processes_open_balances_and_cross_their_payments(postgres_ledger: str) -> None:
    """Opposite directions, many new currencies at once: waits and retries, never a failure."""
    async with (
        wallet_app(postgres_ledger, instance="a") as one,
        wallet_app(postgres_ledger, instance="b") as two,
    ):
        names = [f"n{i}" for i in range(6)]
        await one.open(*names)
        await asyncio.gather(
            *[
                app.deposit(name, "50", currency)
                for name in names
                for currency in ("USD", "EUR", "JPY")
                for app in (one, two)
            ]
        )
        crossing = [
            (app, pay(f"{k}-{i}-{turn}", names[turn], names[-1 - turn], 1))
            for i in range(10)
            for turn in range(6)
            for k, app in (("a", one), ("b", two))
        ]
        answers = await asyncio.gather(*[app.transfer(item) for app, item in crossing])
        assert {r["status"] for (r,) in answers} == {"applied"}
    assert await broken_invariants(postgres_ledger) == []


@pytest.mark.postgres
async def test_two_processes_give_a_conversion_back_once(postgres_ledger: str) -> None:
    async with (
        wallet_app(postgres_ledger, instance="a") as one,
        wallet_app(postgres_ledger, instance="b") as two,
    ):
        await one.open("alice", "bob")
        await one.deposit("alice", "10.00")
        payment = fx("p", "alice", "bob", 10_00)
        await one.transfer(payment)
        answers = await asyncio.gather(
            *[
                app.transfer(fx_back(f"r{i}{name}", payment, 3_00, before))
                for i, before in enumerate((0, 3_00, 6_00, 9_00))
                for name, app in (("a", one), ("b", two))
            ]
        )
        applied = [r for (r,) in answers if r["status"] == "applied"]
        assert await two.total("alice") == f"{3 * len(applied)}.00"
        assert 1 <= len(applied) <= 3
    assert await broken_invariants(postgres_ledger) == []


async def test_holds_and_payments_compete_for_the_same_money(wallet: WalletApp) -> None:
    def either(i: int) -> dict[str, Any]:
        if i % 2:
            return hold(f"h{i}", "alice", 1_00, wallet.clock)
        return pay(f"p{i}", "alice", "bob", 1_00)

    counts = await drain([wallet], either)
    assert counts == {("applied", None): 100, ("refused", "insufficient_funds"): 100}
    assert (await wallet.line("alice"))["available"] == "0.00"


@pytest.mark.postgres
async def test_of_two_holds_under_one_id_the_other_one_conflicts(postgres_ledger: str) -> None:
    async with (
        wallet_app(postgres_ledger, instance="a") as one,
        wallet_app(postgres_ledger, instance="b") as two,
    ):
        await one.open("alice", "bob")
        await one.deposit("alice", "100.00")
        await one.deposit("bob", "100.00")
        for number in range(30):
            holds = [hold(f"h{number}", payer, 1, one.clock) for payer in ("alice", "bob")]
            told = await asyncio.gather(one.transfer(holds[0]), two.transfer(holds[1]))
            assert {(r["status"], r.get("code")) for (r,) in told} == {
                ("applied", None),
                ("conflict", "transfer_id_reused"),
            }
    assert await broken_invariants(postgres_ledger) == []
