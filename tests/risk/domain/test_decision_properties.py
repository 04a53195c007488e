"""What holds for every policy and every payment."""

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.risk.harness import attempt

from kurs.kernel.clock import MICROS
from kurs.quotes.rate_table import NO_RATES, RateTable
from risk.domain.attempt import Attempt
from risk.domain.batch import Batch, Scored
from risk.domain.decision import decide
from risk.domain.evaluation import evaluate
from risk.domain.outcome import Marks, Outcome
from risk.domain.policy import (
    AmountLimit,
    AmountSum,
    NewAccount,
    Policy,
    Scope,
    Threshold,
    VelocityLimit,
)
from risk.domain.velocity import AccountUse, Use, Windows

NOW = 1_800_000_000 * MICROS
RATES = RateTable({("EUR", "USD"): Fraction("1.25"), ("EUR", "IDR"): Fraction(20_000)})
CURRENCIES = ("USD", "IDR", "EUR", "BHD")
WINDOWS = (60, 61, 3600)
ACCOUNTS = ("alice", "bob", "carol")

# Few values, near each other: what matters is on which side of a bound a payment lies.
MARKS = (Marks(), Marks(0, 0), Marks(20, 60), Marks(50, 50), Marks(100, 100))
SCOPES = (
    Scope(),
    Scope(frozenset({"USD", "IDR"})),
    Scope(corridors=frozenset({("USD", "IDR"), ("BHD", "EUR")})),
    Scope(frozenset({"BHD"}), frozenset({("USD", "EUR")})),
)
AMOUNTS = (
    None,
    AmountLimit("USD", 0, 0),
    AmountLimit("USD", 500, 5_000),
    AmountLimit("IDR", 10_000, 10**9),
)
VELOCITY = (
    VelocityLimit("few", 60, max_count=3, action=Outcome.REVIEW),
    VelocityLimit("fewer", 61, max_count=1),
    VelocityLimit("sum", 3600, max_amount=AmountSum("USD", 5_000)),
    VelocityLimit("both", 60, 5, AmountSum("IDR", 10**8), Outcome.REVIEW),
)

currencies = st.sampled_from(CURRENCIES)
accounts = st.sampled_from(ACCOUNTS)
thresholds = st.builds(
    Threshold,
    st.sampled_from(("a", "b", "c", "d", '"e\\', "é")),
    marks=st.sampled_from(MARKS),
    shadow=st.booleans(),
    scope=st.sampled_from(SCOPES),
    priority=st.integers(0, 2),
    amount=st.sampled_from(AMOUNTS),
    velocity=st.sampled_from([(), *((v,) for v in VELOCITY), VELOCITY]),
    on_missing=st.sampled_from(Outcome),
    new_account=st.sampled_from((None, NewAccount(3600, 20), NewAccount(3600, 100))),
    blocked=st.sampled_from((frozenset(), frozenset({"carol"}))),
    effective_from=st.sampled_from((None, NOW, NOW + 1)),
    effective_until=st.sampled_from((None, NOW, NOW + 1)),
)
policies = st.lists(thresholds, max_size=3, unique_by=lambda t: t.name).map(
    lambda listed: Policy("r", tuple(listed))
)
attempts = st.builds(
    attempt,
    amount_minor=st.sampled_from((1, 499, 500, 501, 5_001, 10**7, 2**63 - 1)),
    currency=currencies,
    source_account=accounts,
    destination_account=accounts,
    destination_currency=st.none() | currencies,
    source_opened_at=st.sampled_from((None, 0, NOW)),
)
used = st.builds(Use, st.integers(1, 5), st.sampled_from((1, 3_000, 10**7)))
uses = st.dictionaries(st.sampled_from(WINDOWS), st.dictionaries(currencies, used, max_size=2))
tables = st.sampled_from((RATES, NO_RATES))


@given(policies, attempts, uses, tables)
def test_a_decision_is_repeatable(
    rules: Policy, payment: Attempt, use: AccountUse, rates: RateTable
) -> None:
    again = Policy(rules.revision, rules.thresholds)

    assert evaluate(rules, payment, use, rates, NOW) == evaluate(again, payment, use, rates, NOW)


@given(policies, attempts, uses, tables, st.randoms())
def test_the_order_of_thresholds_in_a_document_means_nothing(
    rules: Policy, payment: Attempt, use: AccountUse, rates: RateTable, random: Any
) -> None:
    shuffled = list(rules.thresholds)
    random.shuffle(shuffled)
    other = Policy(rules.revision, tuple(shuffled))

    assert evaluate(rules, payment, use, rates, NOW) == evaluate(other, payment, use, rates, NOW)


@given(policies, attempts, uses, tables)
def test_a_shadow_threshold_never_changes_a_decision(
    rules: Policy, payment: Attempt, use: AccountUse, rates: RateTable
) -> None:
    enforced = Policy(rules.revision, tuple(t for t in rules.thresholds if not t.shadow))
    with_shadow = evaluate(rules, payment, use, rates, NOW)
    without = evaluate(enforced, payment, use, rates, NOW)

    assert with_shadow[:3] == without[:3]
    assert {f.threshold for f in with_shadow.shadow} <= {t for t in rules.thresholds if t.shadow}


@given(policies, attempts, uses, st.integers(1, 10_000))
def test_a_larger_amount_never_has_a_lower_score(
    rules: Policy, payment: Attempt, use: AccountUse, more: int
) -> None:
    smaller = evaluate(rules, payment, use, RATES, NOW)
    larger_payment = payment._replace(amount_minor=payment.amount_minor + more)
    larger = evaluate(rules, larger_payment, use, RATES, NOW)

    assert larger.score >= smaller.score
    assert larger.outcome >= smaller.outcome


@given(policies, attempts, uses, st.sampled_from(WINDOWS), currencies, tables)
def test_more_use_of_an_account_never_has_a_lower_score(
    rules: Policy,
    payment: Attempt,
    use: dict[int, dict[str, Use]],
    window: int,
    currency: str,
    rates: RateTable,
) -> None:
    before = use.get(window, {}).get(currency, Use(0, 0))
    more = {**use, window: {**use.get(window, {}), currency: Use(before[0] + 1, before[1] + 500)}}
    less_used = evaluate(rules, payment, use, rates, NOW)
    more_used = evaluate(rules, payment, more, rates, NOW)

    assert more_used.score >= less_used.score
    assert more_used.outcome >= less_used.outcome


@given(policies, thresholds, attempts, uses, tables)
def test_another_enforced_threshold_never_makes_a_decision_milder(
    rules: Policy, added: Threshold, payment: Attempt, use: AccountUse, rates: RateTable
) -> None:
    lenient = Threshold("lenient", marks=Marks(100, 100))
    fewer = Policy("r", (*rules.thresholds, lenient))
    more = Policy("r", (*fewer.thresholds, replace(added, name="added", shadow=False)))
    before = evaluate(fewer, payment, use, rates, NOW)
    after = evaluate(more, payment, use, rates, NOW)

    assert after.outcome >= before.outcome
    assert after.score >= before.score


@given(policies, attempts, uses, tables)
def test_a_verdict_accounts_for_itself(
    rules: Policy, payment: Attempt, use: AccountUse, rates: RateTable
) -> None:
    verdict = evaluate(rules, payment, use, rates, NOW)
    outcomes = [f.threshold.marks.outcome(f.score) for f in verdict.enforced]

    assert 0 <= verdict.score <= 100
    assert verdict.outcome == max(outcomes)
    assert (verdict.outcome is Outcome.APPROVE) == (
        "threshold" not in {r.rule for r in verdict.reasons}
    )


@given(policies, attempts, uses, tables)
def test_what_is_stored_says_what_was_found(
    rules: Policy, payment: Attempt, use: AccountUse, rates: RateTable
) -> None:
    verdict = evaluate(rules, payment, use, rates, NOW)
    decision = decide(payment, verdict, "r", NOW)
    shadow = json.loads(decision.shadow)

    assert json.loads(decision.reasons) == [r._asdict() for r in verdict.reasons]
    assert [s["threshold"] for s in shadow] == [
        f.threshold.name for f in verdict.shadow if f.reasons or f.outcome is not Outcome.APPROVE
    ]
    assert all(s["reasons"] or s["decision"] != "approve" for s in shadow)


@given(policies, st.lists(attempts, min_size=2, max_size=5), st.data())
def test_payments_of_different_accounts_may_come_in_any_order(
    rules: Policy, payments: list[Attempt], data: st.DataObject
) -> None:
    apart = [p._replace(source_account=f"{p.source_account}-{n}") for n, p in enumerate(payments)]
    shuffled = data.draw(st.permutations(apart))

    assert _decisions(rules, apart) == _decisions(rules, shuffled)


def _decisions(rules: Policy, payments: list[Attempt]) -> set[Any]:
    batch = Batch(rules, RATES, NOW, {}, Windows())
    results = [batch.score(payment) for payment in payments]
    return {r.decision for r in results if isinstance(r, Scored)}
