"""POST /transfers/batch: what each kind of transfer does, what is refused, what is replayed."""

from typing import Any

from tests.wallet.harness import (
    WalletApp,
    capture,
    fx,
    hold,
    leg,
    pay,
    post,
    void,
)


async def apply_all(wallet: WalletApp, *items: dict[str, Any]) -> None:
    results = await wallet.transfer(*items)
    assert [r["status"] for r in results] == ["applied"] * len(items), results


async def test_an_fx_payment_is_one_transfer_of_five_postings(wallet: WalletApp) -> None:
    (result,) = await wallet.transfer(fx("t1", "alice", "shop/carol", 10_00, quote_id="q1"))

    assert result == {
        "transfer_id": "pay:demo:t1", "status": "applied", "replayed": False,
        "created_at": wallet.clock.now(),
    }  # fmt: skip
    assert await wallet.total("alice") == "90.00"
    assert await wallet.total("house:liquidity") == "10.00"
    assert await wallet.total("house:liquidity", "IDR") == "-160000.00"
    assert await wallet.total("house:fx-revenue", "IDR") == "800.00"
    carol = (await wallet.get("/balance/carol", merchant="shop")).json()
    assert carol["balances"] == [
        {"currency": "IDR", "available": "159200.00", "held": "0.00", "total": "159200.00"}
    ]


async def test_a_hold_lowers_what_is_available_and_a_partial_capture_releases_the_rest(
    wallet: WalletApp,
) -> None:
    await apply_all(wallet, hold("h1", "alice", 60_00, wallet.clock))
    assert await wallet.line("alice") == {
        "currency": "USD", "available": "40.00", "held": "60.00", "total": "100.00",
    }  # fmt: skip

    await apply_all(wallet, capture("c1", "h1", "alice", "bob", 45_00))
    assert await wallet.line("alice") == {
        "currency": "USD", "available": "55.00", "held": "0.00", "total": "55.00",
    }  # fmt: skip
    assert await wallet.total("bob") == "145.00"


async def test_a_void_releases_everything(wallet: WalletApp) -> None:
    await apply_all(wallet, hold("h1", "alice", 60_00, wallet.clock), void("v1", "h1"))
    assert (await wallet.line("alice"))["available"] == "100.00"


async def test_refunds_give_back_at_most_the_original_in_total(wallet: WalletApp) -> None:
    await apply_all(
        wallet,
        pay("p1", "alice", "bob", 30_00),
        pay("r1", "bob", "alice", 20_00, reverses="p1"),
    )
    (over,) = await wallet.transfer(pay("r2", "bob", "alice", 10_01, reverses="p1"))
    assert (over["status"], over["code"]) == ("refused", "reversal_exceeds_original")
    await apply_all(wallet, pay("r3", "bob", "alice", 10_00, reverses="p1"))
    assert await wallet.total("alice") == "100.00"


async def test_a_whole_fx_payment_can_be_reversed(wallet: WalletApp) -> None:
    payment = fx("p1", "alice", "bob", 10_00)
    back = [leg(p["account_id"], -p["amount_minor"], p["currency"]) for p in payment["postings"]]
    await apply_all(wallet, payment, post("r1", *back, reverses="p1"))
    assert await wallet.total("alice") == "100.00"
    assert await wallet.total("house:fx-revenue", "IDR") == "0.00"


async def test_a_posting_of_zero_leaves_no_entry(wallet: WalletApp) -> None:
    spread = leg("house:fx-revenue", 0)
    await apply_all(wallet, post("p1", leg("alice", -500), leg("bob", 500), spread))
    revenue = "/accounts/house:fx-revenue/entries"
    entries = (await wallet.get(revenue, roles="read,audit")).json()
    assert entries["items"] == []


async def test_items_are_evaluated_in_order_and_fail_alone(wallet: WalletApp) -> None:
    results = await wallet.transfer(
        pay("a", "alice", "bob", 100_00),
        pay("b", "alice", "bob", 1),
        pay("c", "bob", "alice", 200_00),
        pay("d", "alice", "bob", 1),
        pay("a", "alice", "bob", 100_00),
    )
    assert [r["status"] for r in results] == ["applied", "refused", "applied", "applied", "applied"]
    assert [r["replayed"] for r in results] == [False, False, False, False, True]
    assert await wallet.total("alice") == "199.99"


async def test_a_refusal_is_kept_and_burns_the_id(wallet: WalletApp) -> None:
    item = pay("x", "alice", "bob", 100_01)
    (result,) = await wallet.transfer(item)
    await wallet.deposit("alice", "50.00")
    (again,) = await wallet.transfer(item)

    assert result == {
        "transfer_id": "pay:demo:x", "status": "refused", "replayed": False,
        "code": "insufficient_funds",
        "field": "amount", "created_at": wallet.clock.now(),
        "message": "account alice has 100.00 USD available, 100.01 USD is needed",
    }  # fmt: skip
    stored = again.pop("stored")
    assert again == {**result, "replayed": True}
    assert (stored["kind"], stored["status"], stored["code"]) == (
        "post", "refused", "insufficient_funds",
    )  # fmt: skip
    assert await wallet.total("alice") == "150.00"


async def test_an_expired_hold_is_neither_captured_nor_voided(wallet: WalletApp) -> None:
    await apply_all(wallet, hold("h1", "alice", 10_00, wallet.clock))
    wallet.clock.advance(seconds=600)
    results = await wallet.transfer(capture("c", "h1", "alice", "bob", 1), void("v", "h1"))
    assert [r["code"] for r in results] == ["hold_expired", "hold_expired"]


async def test_a_refused_transfer_does_not_consume_its_quote(wallet: WalletApp) -> None:
    (refused,) = await wallet.transfer(pay("x", "alice", "bob", 999_00, quote_id="q"))
    assert refused["code"] == "insufficient_funds"
    await apply_all(wallet, pay("y", "alice", "bob", 1_00, quote_id="q"))


async def test_a_quote_used_in_an_earlier_batch_is_refused(wallet: WalletApp) -> None:
    await apply_all(wallet, pay("x", "alice", "bob", 1_00, quote_id="q"))
    (refused,) = await wallet.transfer(pay("y", "alice", "bob", 1_00, quote_id="q"))
    assert (refused["status"], refused["code"]) == ("refused", "quote_already_used")


async def test_refused_transfers_open_no_balance(wallet: WalletApp) -> None:
    await wallet.transfer(post("x", leg("alice", -5, "JPY"), leg("bob", 5, "JPY")))
    balances = (await wallet.get("/balance/bob")).json()["balances"]
    assert [b["currency"] for b in balances] == ["USD"]
