"""What each rule finds, and where it begins to find it."""

import json
from fractions import Fraction
from typing import Any

import pytest
from tests.risk.harness import attempt, limits, policy

from kurs.kernel.clock import MICROS
from kurs.quotes.rate_table import NO_RATES, RateTable
from risk.domain.attempt import Attempt
from risk.domain.decision import MAX_REASONS, decide
from risk.domain.evaluation import Verdict, evaluate
from risk.domain.outcome import Outcome
from risk.domain.policy import Policy
from risk.domain.velocity import AccountUse, Use

NOW = 1_800_000_000 * MICROS
RATES = RateTable({("EUR", "USD"): Fraction("1.25"), ("EUR", "IDR"): Fraction(20_000)})
MINUTE = {"name": "minute", "window": "60s", "maxCount": 3, "action": "Decline"}
HOUR = {"name": "hour", "window": "1h", "maxAmountMinor": 100_00, "currency": "USD"}


def judge(
    rules: Policy, payment: Attempt, use: AccountUse | None = None, rates: RateTable = RATES
) -> Verdict:
    return evaluate(rules, payment, use or {}, rates, NOW)


def found(verdict: Verdict) -> list[tuple[str, int]]:
    return [(r.rule, r.points) for r in verdict.reasons if r.rule != "threshold"]


@pytest.mark.parametrize(
    ("minor", "outcome"),
    [
        (100_00, Outcome.APPROVE),
        (100_01, Outcome.REVIEW),
        (1_000_00, Outcome.REVIEW),
        (1_000_01, Outcome.DECLINE),
        (2**63 - 1, Outcome.DECLINE),
    ],
)
def test_an_amount_asks_for_an_action_only_above_its_bound(minor: int, outcome: Outcome) -> None:
    rules = policy(standard={"perPayment": limits(100_00, 1_000_00)})

    assert judge(rules, attempt(amount_minor=minor)).outcome is outcome


def test_an_amount_is_compared_in_the_reference_currency_without_rounding_it_away() -> None:
    rules = policy(standard={"perPayment": limits(1_00, 10_00, "USD")})
    # One dollar is 16,000 rupiah; a hundredth of a rupiah more is above one dollar.
    at_the_bound = judge(rules, attempt(amount_minor=16_000_00, currency="IDR"))
    just_above = judge(rules, attempt(amount_minor=16_000_01, currency="IDR"))

    assert at_the_bound.outcome is Outcome.APPROVE
    assert found(just_above) == [("amount", 50)]
    assert (
        "1.01 USD is above the review limit 1.00 USD of standard" in just_above.reasons[0].message
    )


def test_attempts_are_counted_with_the_one_that_is_scored() -> None:
    rules = policy(standard={"velocity": [MINUTE]})
    two, three = ({60: {"USD": Use(n, 0)}} for n in (2, 3))

    assert judge(rules, attempt(), two).outcome is Outcome.APPROVE
    verdict = judge(rules, attempt(), three)
    assert verdict.outcome is Outcome.DECLINE
    assert verdict.reasons[0].message == (
        "4 attempts, at most 3 within 1 minute (decline by minute of standard)"
    )


def test_amounts_of_several_currencies_add_up_in_the_reference_currency() -> None:
    rules = policy(standard={"velocity": [{**HOUR, "action": "Review"}]})
    use = {3600: {"USD": Use(1, 40_00), "IDR": Use(1, 800_000_00)}}

    assert found(judge(rules, attempt(amount_minor=10_00), use)) == []
    assert found(judge(rules, attempt(amount_minor=10_01), use)) == [("velocity_amount", 50)]


def test_a_window_counts_only_currencies_in_the_scope_of_its_threshold() -> None:
    scope = {"currencies": ["IDR"]}
    rules = policy(rupiah={"scope": scope, "velocity": [MINUTE, {**HOUR, "action": "Decline"}]})
    much = Use(50, 900_000_00)
    use = {60: {"USD": much, "IDR": Use(2, 0)}, 3600: {"USD": much, "IDR": Use(2, 0)}}
    other = {60: {"IDR": much}, 3600: {"IDR": much}}

    assert found(judge(rules, attempt(currency="IDR"), use)) == []
    assert found(judge(rules, attempt(currency="USD"), other)) == []


@pytest.mark.parametrize(
    ("age_seconds", "points"), [(0, [20]), (3599, [20]), (3600, []), (-5, [20])]
)
def test_an_account_is_new_until_it_has_the_age(age_seconds: int, points: list[int]) -> None:
    rules = policy(standard={"newAccount": {"maxAge": "1h", "points": 20}})
    opened = NOW - age_seconds * MICROS

    assert [p for _, p in found(judge(rules, attempt(source_opened_at=opened)))] == points


def test_an_unknown_age_gives_no_points() -> None:
    rules = policy(standard={"newAccount": {"maxAge": "1h", "points": 20}})

    assert found(judge(rules, attempt(source_opened_at=None))) == []


def test_a_payment_to_oneself_is_declined_whatever_the_thresholds_say() -> None:
    verdict = judge(policy(), attempt(destination_account="alice"))

    assert verdict.outcome is Outcome.DECLINE
    assert found(verdict) == [("same_party", 100)]


@pytest.mark.parametrize("side", ["source_account", "destination_account"])
def test_a_blocked_account_neither_pays_nor_is_paid(side: str) -> None:
    listed = policy(standard={"blocklist": {"accounts": ["mallory"]}})
    everywhere = Policy("r", blocked=frozenset({"mallory"}))

    for rules in (listed, everywhere):
        verdict = judge(rules, attempt(**{side: "mallory"}))
        assert verdict.outcome is Outcome.DECLINE
        assert found(verdict) == [("blocklist", 100)]


@pytest.mark.parametrize(
    ("listed", "fields", "hit"),
    [
        ("rival/bob", {"destination_account": "rival/bob"}, True),
        ("rival/bob", {"destination_account": "bob"}, False),
        ("rival/bob", {"destination_account": "third/bob"}, False),
        ("bob", {"destination_account": "rival/bob"}, True),
        ("shop/alice", {}, True),
        ("rival/alice", {}, False),
        # By a payee id, or the bare id of another merchant's old account: whose it is counts.
        ("rival/bob", {"destination_account": "payee_0", "named_payee": "rival/bob"}, True),
        ("bob", {"destination_account": "payee_0", "named_payee": "rival/bob"}, True),
        ("shop/bob", {"destination_account": "bob", "named_payee": "rival/bob"}, False),
    ],
)
def test_a_listed_account_is_a_merchants_or_every_merchants(
    listed: str, fields: dict[str, Any], hit: bool
) -> None:
    rules = policy(standard={"blocklist": {"accounts": [listed]}})

    verdict = judge(rules, attempt(merchant="shop", **fields))

    assert found(verdict) == ([("blocklist", 100)] if hit else [])


def test_two_names_of_one_account_are_one_party() -> None:
    named = attempt(merchant="shop", destination_account="payee_0", named_payee="shop/alice")
    assert found(judge(policy(), named)) == [("same_party", 100)]
    other = attempt(merchant="shop", destination_account="rival/alice")
    assert found(judge(policy(), other)) == []


@pytest.mark.parametrize(
    ("on_missing", "outcome", "points"),
    [
        ("Allow", Outcome.APPROVE, 0),
        ("Review", Outcome.REVIEW, 50),
        ("Decline", Outcome.DECLINE, 100),
    ],
)
def test_without_a_rate_the_threshold_says_what_happens(
    on_missing: str, outcome: Outcome, points: int
) -> None:
    rules = policy(
        standard={
            "perPayment": limits(1, 2),
            "onMissingData": on_missing,
            "velocity": [HOUR | {"action": "Decline"}],
        }
    )
    verdict = judge(rules, attempt(currency="IDR"), rates=NO_RATES)

    assert verdict.outcome is outcome
    assert found(verdict) == [("missing_rate", points)]


def test_an_amount_in_the_reference_currency_needs_no_rate() -> None:
    rules = policy(standard={"perPayment": limits(1, 2), "onMissingData": "Decline"})

    assert found(judge(rules, attempt(amount_minor=1), rates=NO_RATES)) == []


def test_what_is_known_above_a_limit_decides_even_when_the_rest_is_not_known() -> None:
    rules = policy(standard={"velocity": [HOUR | {"action": "Decline"}], "onMissingData": "Allow"})
    use = {3600: {"BHD": Use(1, 1_000), "USD": Use(1, 100_00)}}

    assert found(judge(rules, attempt(), use)) == [("velocity_amount", 100), ("missing_rate", 0)]


@pytest.mark.parametrize(
    ("payment", "applies"),
    [
        ({"currency": "IDR"}, True),
        ({"currency": "USD", "destination_currency": "JPY"}, True),
        ({"currency": "USD", "destination_currency": "EUR"}, False),
        ({"currency": "USD"}, True),
        ({"currency": "EUR", "destination_currency": "JPY"}, False),
    ],
)
def test_a_scope_is_its_currencies_and_its_corridors(
    payment: dict[str, Any], applies: bool
) -> None:
    scope = {"currencies": ["IDR"], "corridors": [{"from": "USD", "to": "JPY"}]}
    rules = policy(narrow={"scope": scope, "blocklist": {"accounts": ["bob"]}})

    assert bool(found(judge(rules, attempt(**payment)))) is applies


@pytest.mark.parametrize(
    ("spec", "applies"),
    [
        ({"effectiveFrom": "2027-01-15T08:00:00Z"}, True),
        ({"effectiveFrom": "2027-01-15T08:00:00.000001Z"}, False),
        ({"effectiveUntil": "2027-01-15T08:00:00.000001Z"}, True),
        ({"effectiveUntil": "2027-01-15T08:00:00Z"}, False),
        ({"suspend": True}, False),
    ],
)
def test_a_threshold_holds_within_its_time(spec: dict[str, Any], applies: bool) -> None:
    rules = policy(timed={"blocklist": {"accounts": ["bob"]}, **spec})

    assert bool(found(judge(rules, attempt()))) is applies


def test_without_an_enforced_threshold_the_built_in_one_decides() -> None:
    new = attempt(source_opened_at=NOW)
    for rules in (policy(), policy(trial={"mode": "Shadow"})):
        assert judge(rules, attempt()).outcome is Outcome.APPROVE
        assert found(judge(rules, new)) == [("new_account", 20)]
        assert judge(rules, new).outcome is Outcome.APPROVE


def test_a_stored_decision_lists_the_strongest_reasons_and_says_how_many_more() -> None:
    many = {f"t{n}": {"velocity": [{**MINUTE, "action": "Review"}]} for n in range(40)}
    rules = policy(strict={"blocklist": {"accounts": ["alice"]}}, **many)
    verdict = judge(rules, attempt(), {60: {"USD": Use(5, 0)}})

    stored = json.loads(decide(attempt(), verdict, "r1", NOW).reasons)

    assert len(verdict.reasons) > 40
    assert len(stored) == MAX_REASONS
    assert [r["rule"] for r in stored][:2] == ["threshold", "blocklist"]
    assert stored[-1]["message"] == (
        f"and {len(verdict.reasons) - MAX_REASONS + 1} more, none of more points"
    )


@pytest.mark.parametrize(
    ("exposure", "rule"),
    [
        ((), []),
        ((("USD", 100_00),), []),
        ((("USD", 100_01),), [("exposure", 100)]),
        ((("USD", 50_00), ("EUR", 40_00)), []),
        ((("USD", 50_00), ("EUR", 40_01)), [("exposure", 100)]),
        ((("IDR", 1_600_000_01),), [("exposure", 100)]),
        ((("USD", 10**25),), [("exposure", 100)]),
        ((("JPY", 1),), [("missing_rate", 50)]),
    ],
)
def test_what_is_open_across_currencies_is_summed_in_the_reference_currency(
    exposure: tuple[tuple[str, int], ...], rule: list[tuple[str, int]]
) -> None:
    rules = policy(standard={"exposure": {"currency": "USD", "maxMinor": 100_00}})

    assert found(judge(rules, attempt(exposure=exposure))) == rule


def test_an_exposure_counts_what_its_scope_covers() -> None:
    scope = {"currencies": ["USD"]}
    ceiling = {"currency": "USD", "maxMinor": 100_00}
    rules = policy(standard={"scope": scope, "exposure": ceiling})

    assert found(judge(rules, attempt(currency="USD", exposure=(("EUR", 10**9),)))) == []
