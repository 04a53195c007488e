"""The rules of the ledger in memory: every refusal, and what a batch does to a view."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from tests.wallet.harness import cancel, capture, hold, leg, pay, post, void
from tests.wallet.memory import MemoryLedger
from tests.wallet.quotes import quote, sign

from kurs_testing.clock import ManualClock
from wallet.domain.deposits import Room

Make = Callable[[ManualClock], dict[str, Any]]


@pytest.fixture
def ledger() -> MemoryLedger:
    """Alice and bob (merchant demo) with 100.00 USD each, carol (merchant shop) with nothing."""
    ledger = MemoryLedger({"alice": "demo", "bob": "demo", "carol": "shop"})
    for account in ("alice", "bob"):
        ledger.fund(account, 100_00)
    return ledger


REFUSALS: list[tuple[str, Make, str, str | None, str]] = [
    (
        "beyond the balance",
        lambda _: pay("x", "alice", "bob", 100_01),
        "insufficient_funds", "amount",
        "account alice has 100.00 USD available, 100.01 USD is needed",
    ),
    (
        "a currency never held",
        lambda _: post("x", leg("alice", -5, "JPY"), leg("bob", 5, "JPY")),
        "insufficient_funds", "amount",
        "account alice has 0 JPY available, 5 JPY is needed",
    ),
    (
        "an unknown source",
        lambda _: pay("x", "nobody", "bob", 1),
        "account_not_found", "postings.0.account_id", "there is no account nobody",
    ),
    (
        "an unknown destination",
        lambda _: pay("x", "alice", "nobody", 1),
        "account_not_found", "postings.1.account_id", "there is no account nobody",
    ),
    (
        "an unknown account of the house",
        lambda _: pay("x", "alice", "house:nothing", 1),
        "account_not_found", "postings.1.account_id", "there is no account house:nothing",
    ),
    (
        "a debit of another merchant's account",
        lambda _: pay("x", "carol", "alice", 1),
        "account_not_found", "postings.0.account_id", "there is no account carol",
    ),
    (
        "a hold on another merchant's account",
        lambda clock: hold("x", "carol", 1, clock),
        "account_not_found", "account_id", "there is no account carol",
    ),
    (
        "a hold beyond the balance",
        lambda clock: hold("x", "alice", 100_01, clock),
        "insufficient_funds", "amount",
        "account alice has 100.00 USD available, 100.01 USD is needed",
    ),
    (
        "a hold that is over",
        lambda clock: hold("x", "alice", 1, clock, expires_at=clock.now()),
        "hold_expired", "expires_at", "the hold would be expired already",
    ),
    (
        "a used quote",
        lambda _: pay("x", "alice", "bob", 1, quote_id="used"),
        "quote_already_used", "quote_id", "quote used was already used; ask for a new one",
    ),
    (
        "a hold with a used quote",
        lambda clock: hold("x", "alice", 1, clock, quote_id="used"),
        "quote_already_used", "quote_id", "quote used was already used; ask for a new one",
    ),
    (
        "a capture of nothing",
        lambda _: capture("x", "nothing", "alice", "bob", 1),
        "hold_not_found", "hold_id", "there is no hold pay:demo:nothing",
    ),
    (
        "a void of nothing",
        lambda _: void("x", "nothing"),
        "hold_not_found", "hold_id", "there is no hold pay:demo:nothing",
    ),
    (
        "a capture by another merchant",
        lambda _: capture("x", "pay:demo:open", "alice", "bob", 1, merchant="shop"),
        "hold_not_found", "hold_id", "there is no hold pay:demo:open",
    ),
    (
        "a capture of a closed hold",
        lambda _: capture("x", "closed", "alice", "bob", 1),
        "hold_closed", "hold_id", "hold pay:demo:closed was voided before",
    ),
    (
        "a void of a closed hold",
        lambda _: void("x", "closed"),
        "hold_closed", "hold_id", "hold pay:demo:closed was voided before",
    ),
    (
        "a capture of more than is held",
        lambda _: capture("x", "open", "alice", "bob", 10_01),
        "capture_exceeds_hold", "postings", "10.01 USD is more than the held 10.00 USD",
    ),
    (
        "a capture from another account",
        lambda _: capture("x", "open", "bob", "alice", 1),
        "capture_without_debit", "postings",
        "a capture debits the held account: alice in USD",
    ),
    (
        "a reversal of nothing",
        lambda _: pay("x", "bob", "alice", 1, reverses="nothing"),
        "original_not_found", "reverses",
        "there is no applied transfer pay:demo:nothing to reverse",
    ),
    (
        "a reversal of a hold",
        lambda _: pay("x", "bob", "alice", 1, reverses="open"),
        "original_not_found", "reverses", "there is no applied transfer pay:demo:open to reverse",
    ),
    (
        "a reversal in the same direction",
        lambda _: pay("x", "alice", "bob", 1, reverses="paid"),
        "reversal_exceeds_original", "postings",
        "more than is left to reverse of pay:demo:paid on alice in USD",
    ),
    (
        "a reversal that touches another account",
        lambda _: pay("x", "bob", "house:world", 1, reverses="paid"),
        "reversal_exceeds_original", "postings",
        "more than is left to reverse of pay:demo:paid on house:world in USD",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "code", "field", "message"),
    [case[1:] for case in REFUSALS],
    ids=[case[0] for case in REFUSALS],
)
def test_a_refusal_moves_nothing(
    ledger: MemoryLedger, make: Make, code: str, field: str | None, message: str
) -> None:
    ledger.apply(
        hold("open", "alice", 10_00, ledger.clock),
        hold("closed", "alice", 5_00, ledger.clock),
        void("v", "closed"),
        pay("paid", "alice", "bob", 1_00, quote_id="used"),
        pay("back", "bob", "alice", 11_00),
    )
    before = ledger.totals()

    outcome = ledger.ask(make(ledger.clock))

    assert (outcome.status, outcome.code, outcome.field) == ("refused", code, field)
    assert outcome.message == message
    assert ledger.totals() == before
    assert outcome.record is not None
    assert outcome.record.status == "refused"


def test_a_cancelled_id_cannot_be_used(ledger: MemoryLedger) -> None:
    ledger.apply(cancel("x"))
    outcome = ledger.ask(pay("x", "alice", "bob", 1))
    assert (outcome.status, outcome.code, outcome.replayed) == ("refused", "cancelled", True)


def test_a_transfer_that_was_made_cannot_be_cancelled(ledger: MemoryLedger) -> None:
    ledger.apply(pay("x", "alice", "bob", 1))
    outcome = ledger.ask(cancel("x"))
    assert (outcome.status, outcome.field) == ("conflict", "kind")
    assert outcome.record is not None
    assert outcome.record.status == "applied"


def test_reversals_count_within_a_batch(ledger: MemoryLedger) -> None:
    outcomes = ledger.submit(
        pay("p", "alice", "bob", 10_00),
        pay("r1", "bob", "alice", 6_00, reverses="p"),
        pay("r2", "bob", "alice", 5_00, reverses="p"),
        pay("r3", "bob", "alice", 4_00, reverses="p"),
    )
    assert [o.status for o in outcomes] == ["applied", "applied", "refused", "applied"]


def test_a_part_of_a_conversion_may_leave_a_unit_with_the_house(ledger: MemoryLedger) -> None:
    """10.00 USD bought 160 JPY without a spread; 0.01 of it back costs the receiver a whole yen."""
    signed = quote("q", "demo", 10_00, 160, pair=("USD", "JPY"), mid=Decimal(16))
    ledger.apply(
        post(
            "p",
            leg("alice", -10_00), leg("house:liquidity", 10_00),
            leg("house:liquidity", -160, "JPY"), leg("bob", 160, "JPY"),
            quote_id="q", quote=sign(signed),
        )
    )  # fmt: skip
    dust = (
        leg("bob", -1, "JPY"), leg("house:fx-revenue", 1, "JPY"),
        leg("house:liquidity", -1), leg("alice", 1),
    )  # fmt: skip
    ledger.apply(post("r1", *dust, reverses="p"))

    more_than_paid = (leg("house:liquidity", -10_00), leg("alice", 10_00))
    assert ledger.ask(post("r2", *more_than_paid, reverses="p")).code == "reversal_exceeds_original"


def test_a_balance_stays_within_64_bits(ledger: MemoryLedger) -> None:
    ledger.fund("alice", 2**63 - 1 - 200_00)
    ledger.apply(pay("fits", "bob", "alice", 100_00))
    # Another process's stripe of the outside world.
    ledger.view.balances["house:world", "USD"].posted = 0
    ledger.fund("bob", 1)

    assert ledger.ask(pay("x", "bob", "alice", 1)).code == "amount_overflow"


def test_holds_stay_within_64_bits(ledger: MemoryLedger) -> None:
    balance = ledger.view.balances["alice", "USD"]
    balance.overdraft = 2**62
    balance.posted = balance.held = 2**63 - 1

    assert ledger.ask(hold("h", "alice", 1, ledger.clock)).code == "amount_overflow"


def test_a_hold_that_is_over_is_neither_captured_nor_voided(ledger: MemoryLedger) -> None:
    ledger.apply(hold("h", "alice", 10_00, ledger.clock))
    ledger.clock.advance(seconds=601)

    assert ledger.ask(capture("c", "h", "alice", "bob", 1)).code == "hold_expired"
    assert ledger.ask(void("v", "h")).code == "hold_expired"


def test_a_refused_deposit_leaves_its_id_free(ledger: MemoryLedger) -> None:
    refused = ledger.deposit("alice", 6, Room(5, 9, 9))
    unknown = ledger.deposit("nobody", 5, Room(5, 9, 9))
    done = ledger.deposit("alice", 5, Room(5, 9, 9))

    assert (unknown.code, unknown.record) == ("account_not_found", None)
    assert (refused.code, refused.record) == ("ceiling_exceeded", None)
    assert (done.status, ledger.totals()["alice", "USD"]) == ("applied", (100_05, 0))


def test_an_overdraft_is_the_limit() -> None:
    ledger = MemoryLedger({"alice": "demo", "bob": "demo"}, overdrafts={("alice", "USD"): 50_00})
    ledger.apply(pay("a", "alice", "bob", 50_00))
    assert ledger.ask(pay("b", "alice", "bob", 1)).code == "insufficient_funds"


def test_an_expiry_before_its_time_leaves_nothing(ledger: MemoryLedger) -> None:
    ledger.apply(hold("h", "alice", 10_00, ledger.clock))
    early = ledger.expire("h")
    ledger.clock.advance(seconds=601)
    late = ledger.expire("h")
    again = ledger.expire("h")

    assert (early.status, early.record) == ("skipped", None)
    assert late.status == "applied"
    assert (again.status, again.replayed) == ("applied", True)
    assert ledger.totals()["alice", "USD"] == (100_00, 0)
