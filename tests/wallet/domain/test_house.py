"""Accounts of the house are debited by quotes, by reversals of what a quote made, and by deposits.

Whoever may call the ledger moves nothing else out of the house.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.wallet.harness import WalletApp, capture, fx, fx_back, hold, leg, pay, post
from tests.wallet.memory import MemoryLedger
from tests.wallet.quotes import YEAR_2030, quote, sign

from kurs.quotes.legs import Legs
from wallet.domain.conversions import LATE_MICROS

FROM_NOTHING = {
    "kind": "post", "transfer_id": "pay:shop:x1", "merchant": "shop",
    "postings": [
        {"account_id": "house:liquidity", "currency": "USD", "amount_minor": -100_000_000},
        {"account_id": "carol", "currency": "USD", "amount_minor": 100_000_000},
    ],
}  # fmt: skip
Item = dict[str, Any]


@pytest.fixture
def ledger() -> MemoryLedger:
    """Alice and bob (merchant demo) with 100.00 USD each, carol (merchant shop) with nothing."""
    ledger = MemoryLedger({"alice": "demo", "bob": "demo", "carol": "shop", "dave": "demo"})
    for account in ("alice", "bob"):
        ledger.fund(account, 100_00)
    return ledger


def with_legs(item: Item, *changes: tuple[int, int]) -> Item:
    """Return the item with amounts added to its legs, by their places."""
    legs = [dict(p) for p in item["postings"]]
    for place, added in changes:
        legs[place]["amount_minor"] += added
    return {**item, "postings": legs}


def requoted(item: Item, **changes: Any) -> Item:
    """Return an `fx` item with another quote that fx did sign."""
    paid, arrived = -item["postings"][0]["amount_minor"], item["postings"][3]["amount_minor"]
    signed = quote(item["quote_id"], "demo", paid, arrived)._replace(**changes)
    return {**item, "quote": sign(signed)}


FX = fx("t", "alice", "bob", 10_00)
PLAIN = {k: v for k, v in FX.items() if k != "quote"}
REFUSED: list[tuple[str, Item, str]] = [
    ("money from nothing", {**FROM_NOTHING, "transfer_id": "pay:demo:x1", "merchant": "demo"},
     "house_debit_forbidden"),
    ("from the outside world", pay("t", "house:world", "alice", 1), "house_debit_forbidden"),
    ("from the revenue", pay("t", "house:fx-revenue", "alice", 1), "house_debit_forbidden"),
    ("within the house", pay("t", "house:world", "house:liquidity", 1), "house_debit_forbidden"),
    ("a conversion with the id of a quote alone", PLAIN, "house_debit_forbidden"),
    ("more arrives", with_legs(FX, (3, 1), (4, -1)), "quote_mismatch"),
    ("less is paid", with_legs(FX, (0, 1), (1, -1)), "quote_mismatch"),
    ("more is taken from liquidity", with_legs(FX, (2, -1), (4, 1)), "quote_mismatch"),
    ("a leg besides", {**FX, "postings": [
        *FX["postings"], leg("house:world", -5, "IDR"), leg("house:liquidity", 5, "IDR"),
    ]}, "quote_mismatch"),
    ("nothing of the house", {**pay("t", "alice", "bob", 10_00), "quote": FX["quote"],
                              "quote_id": FX["quote_id"]}, "quote_mismatch"),
    ("another id", {**FX, "quote_id": "fxq_other"}, "quote_mismatch"),
    ("no id", {k: v for k, v in FX.items() if k != "quote_id"}, "quote_mismatch"),
    ("another merchant's", requoted(FX, merchant="shop"), "quote_mismatch"),
    ("other currencies", requoted(FX, destination_currency="JPY"), "quote_mismatch"),
    ("another mid", requoted(FX, mid=Decimal(16_001)), "quote_mismatch"),
    ("a mid that fits no amount", requoted(FX, mid=Decimal("1e17")), "quote_mismatch"),
    ("among three customers", {**FX, "postings": [
        *FX["postings"], leg("alice", -5, "IDR"), leg("house:liquidity", 5, "IDR"),
    ]}, "quote_mismatch"),
    ("two who pay", {**FX, "postings": [
        *FX["postings"][:2], leg("bob", -5, "IDR"), leg("house:liquidity", 5, "IDR"),
    ]}, "quote_mismatch"),
    ("two who are paid", {**FX, "postings": [
        leg("alice", 5, "USD"), leg("house:liquidity", -5, "USD"), *FX["postings"][2:],
    ]}, "quote_mismatch"),
    ("long expired", requoted(FX, expires_at=1), "quote_expired"),
]  # fmt: skip


@pytest.mark.parametrize(("item", "code"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_what_no_quote_allows_moves_nothing(ledger: MemoryLedger, item: Item, code: str) -> None:
    before = ledger.totals()

    assert ledger.ask(item).code == code
    assert ledger.totals() == before


def test_what_was_accepted_in_time_is_carried_out_an_hour_later(ledger: MemoryLedger) -> None:
    now = ledger.clock.now()
    ledger.apply(requoted(FX, expires_at=now - LATE_MICROS))

    late = requoted(fx("u", "alice", "bob", 10_00), expires_at=now - LATE_MICROS - 1)
    assert ledger.ask(late).code == "quote_expired"


async def test_the_same_over_http_with_a_token_that_nobody_signed(wallet: WalletApp) -> None:
    """A token that cannot be verified leaves no trace: keys may be in step the next time."""
    for token in ("q2.a.b", "q1.bm9uc2Vuc2U.bm9uc2Vuc2U", FX["quote"][:-4] + "AAAA"):
        (result,) = await wallet.transfer({**FX, "quote": token})
        assert (result["status"], result["field"]) == ("skipped", "quote")
    (stolen,) = await wallet.transfer(json.loads(json.dumps(FROM_NOTHING)))
    assert (stolen["status"], stolen["code"]) == ("refused", "house_debit_forbidden")
    assert await wallet.total("alice") == "100.00"
    assert await wallet.total("house:liquidity") == "0.00"


def held(ledger: MemoryLedger, amount: int = 10_00) -> Item:
    """Hold by a quote, and return the item that captures all of it."""
    item = fx("t", "alice", "bob", amount)
    ledger.apply(hold("h", "alice", amount, ledger.clock, quote_id=item["quote_id"]))
    capturing = {k: v for k, v in item.items() if k != "quote_id"}
    return {
        **capturing,
        "kind": "capture",
        "transfer_id": "capture:demo:c",
        "hold_id": "pay:demo:h",
    }


def part(item: Item, amount: int) -> Item:
    legs = Legs(10_00, 16_000_000, 15_920_000).part(amount)
    amounts = (
        -legs.source, legs.source, -legs.mid, legs.destination, legs.mid - legs.destination,
    )  # fmt: skip
    return {
        **item,
        "postings": [
            {**p, "amount_minor": a} for p, a in zip(item["postings"], amounts, strict=True)
        ],
    }


def test_a_hold_is_captured_in_part_by_its_quote(ledger: MemoryLedger) -> None:
    ledger.apply(part(held(ledger), 3_33))

    assert ledger.totals()["bob", "IDR"] == (15_920_000 * 333 // 1000, 0)
    assert ledger.totals()["alice", "USD"] == (96_67, 0)


CAPTURES: list[tuple[str, Callable[[Item], Item], str]] = [
    ("without a quote", lambda c: {k: v for k, v in c.items() if k != "quote"},
     "house_debit_forbidden"),
    ("out of the house", lambda _: {
        **capture("c", "h", "alice", "bob", 1),
        "postings": [leg("alice", -1), leg("house:world", -5), leg("bob", 6)],
    }, "house_debit_forbidden"),
    ("by another quote", lambda c: {**c, "quote": fx("u", "alice", "bob", 10_00)["quote"]},
     "quote_mismatch"),
    ("more than the part", lambda c: with_legs(part(c, 3_33), (3, 1), (4, -1)), "quote_mismatch"),
    ("more than is held", lambda c: with_legs(c, (0, -1), (1, 1)), "capture_exceeds_hold"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code"), [c[1:] for c in CAPTURES], ids=[c[0] for c in CAPTURES]
)
def test_a_capture_is_bound_to_the_quote_of_its_hold(
    ledger: MemoryLedger, change: Callable[[Item], Item], code: str
) -> None:
    item = change(held(ledger))
    before = ledger.totals()

    assert ledger.ask(item).code == code
    assert ledger.totals() == before


def test_a_capture_is_of_what_its_quote_priced(ledger: MemoryLedger) -> None:
    item = held(ledger)
    ledger.view.holds["pay:demo:h"].amount = 9_99

    assert ledger.ask(part(item, 3_33)).code == "quote_mismatch"


def test_a_refund_gives_the_receivers_part_back_with_the_payers(ledger: MemoryLedger) -> None:
    """Each amount alone was within what is left; together they were money from nothing."""
    ledger.apply(FX)
    cheap = post(
        "r", leg("alice", 10_00), leg("house:liquidity", -10_00),
        leg("bob", -1, "IDR"), leg("house:liquidity", 1, "IDR"), reverses="t",
    )  # fmt: skip

    assert ledger.ask(cheap).code == "house_debit_forbidden"
    assert ledger.ask(fx_back("r2", FX, 10_01, 0)).code == "reversal_exceeds_original"
    ledger.apply(fx_back("r3", FX, 10_00, 0))
    assert ledger.totals()["alice", "USD"] == (100_00, 0)


def test_a_refund_may_leave_the_spread_with_the_house(ledger: MemoryLedger) -> None:
    ledger.apply(FX)
    ledger.fund("bob", 80_000, "IDR")
    kept = post(
        "r", leg("alice", 10_00), leg("house:liquidity", -10_00),
        leg("bob", -16_000_000, "IDR"), leg("house:liquidity", 16_000_000, "IDR"), reverses="t",
    )  # fmt: skip

    ledger.apply(kept)
    assert ledger.totals()["house:fx-revenue", "IDR"] == (80_000, 0)


def back_by_quote(name: str, usd: int, idr: int, *, spread: int = 0, **more: Any) -> Item:
    """Give `usd` cents back to alice for `idr` sen of bob, at a mid that leaves a spread in USD."""
    mid = Decimal(usd + spread) / idr
    signed = quote(name, "demo", idr, usd, pair=("IDR", "USD"), mid=mid)
    legs = (
        leg("bob", -idr, "IDR"), leg("house:liquidity", idr, "IDR"),
        leg("house:liquidity", -usd - spread), leg("alice", usd), leg("house:fx-revenue", spread),
    )  # fmt: skip
    more = {"reverses": "t", "quote_id": name, "quote": sign(signed), **more}
    return post(name, *legs, **more)


def test_a_refund_at_the_present_rate_is_bound_to_its_own_quote_and_to_the_original(
    ledger: MemoryLedger,
) -> None:
    ledger.apply(FX)
    ledger.fund("bob", 16_000_000, "IDR")
    dearer = back_by_quote("q", 4_00, 8_000_000)

    assert ledger.ask(
        with_legs({**dearer, "transfer_id": "refund:demo:a"}, (0, 1), (1, -1))
    ).code == ("quote_mismatch")
    other_way = {
        **dearer,
        "transfer_id": "refund:demo:b",
        "postings": fx("q", "alice", "bob", 1)["postings"],
    }
    assert ledger.ask(other_way).code == "reversal_exceeds_original"
    by_another = [{**p, "account_id": {"bob": "dave"}.get(p["account_id"], p["account_id"])}
                  for p in back_by_quote("w", 1_00, 16_00_000)["postings"]]  # fmt: skip
    elsewhere = {**back_by_quote("w", 1_00, 16_00_000), "postings": by_another}
    assert ledger.ask(elsewhere).code == "reversal_exceeds_original"
    assert ledger.ask(back_by_quote("r", 10_01, 8_000_000)).code == "reversal_exceeds_original"
    ledger.apply(dearer)
    # The rest at the payment's rate: what was given back before counts, whatever it cost.
    assert ledger.ask(fx_back("s", FX, 6_01, 4_00)).code == "reversal_exceeds_original"
    ledger.apply(fx_back("u", FX, 6_00, 4_00))
    assert ledger.totals()["alice", "USD"] == (100_00, 0)


def test_a_refund_to_somebody_else_is_refused(ledger: MemoryLedger) -> None:
    ledger.apply(FX)
    item = back_by_quote("q", 4_00, 6_000_000)
    item["postings"][3]["account_id"] = "carol"

    assert ledger.ask(item).code == "reversal_exceeds_original"


amounts = st.integers(1, 10**12)


@settings(deadline=None)
@given(st.integers(1, 10**9), amounts, st.integers(0, 10**6), st.lists(st.integers(1, 10**9)))
def test_parts_given_back_sum_to_the_whole_and_never_to_less_than_arrived(
    source: int, destination: int, spread: int, parts: list[int]
) -> None:
    legs = Legs(source, destination + spread, destination)
    before = given = mid = 0
    for wanted in [*parts, source]:
        amount = min(wanted, source - before)
        if not amount:
            break
        step = legs.returned(before, amount)
        before, given, mid = before + amount, given + step.destination, mid + step.mid
        assert given * source >= destination * before
        assert given - 1 < destination * before / source + 1
    if before == source:
        assert (given, mid) == (destination, destination + spread)


def test_the_year_of_the_tests_is_ahead() -> None:
    assert MemoryLedger({}).clock.now() < YEAR_2030
