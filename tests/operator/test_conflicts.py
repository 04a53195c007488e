"""Who wins when two resources contradict each other, and what the loser is told."""

from typing import Any

import pytest
from tests.operator.builders import NOW, rate_source, threshold

from kurs_operator.compile import Compilation, compile_resources
from kurs_operator.ruling import Reason, Ruling

OLD, YOUNG = "2025-01-01T00:00:00Z", "2025-06-01T00:00:00Z"


def compiled(*contents: dict[str, Any]) -> Compilation:
    return compile_resources(contents, now=NOW)


def loser(compilation: Compilation) -> Ruling:
    [refused] = compilation.refused
    assert refused.reason is Reason.CONFLICTED
    return refused


def feed(name: str, **spec: Any) -> dict[str, Any]:
    http = {"url": "https://rates.example.org/a", "format": "JSON", "ratesPath": "rates"}
    content = {"type": "HTTP", "static": None, "http": http, "pairs": [], "defaultSpreadBps": 30}
    return rate_source(name, **{**content, **spec})


def test_a_source_of_lower_priority_is_a_fallback():
    assert compiled(rate_source("a", priority=200), rate_source("b")).refused == ()


def test_of_two_sources_of_one_pair_and_priority_the_older_wins():
    ruling = loser(
        compiled(
            rate_source("a", metadata={"creationTimestamp": YOUNG}),
            rate_source("b", metadata={"creationTimestamp": OLD}),
        )
    )

    assert ruling.identity.name == "a"
    assert ruling.winner == "FXRateSource/b"
    assert "FXRateSource/b wins because it is older" in ruling.message
    assert "both quote USD/IDR at priority 100" in ruling.message


def test_without_ages_the_name_decides():
    ruling = loser(compiled(rate_source("b"), rate_source("a")))

    assert ruling.identity.name == "b"
    assert "its name comes first" in ruling.message


@pytest.mark.parametrize(
    "other",
    [
        rate_source("other", pairs=[{"quote": "SGD", "spreadBps": 10}]),
        rate_source("other", baseCurrency="EUR"),
        rate_source("other", priority=99),
        rate_source("other", suspend=True),
        rate_source("other", effectiveUntil="2025-12-31T00:00:00Z"),
        rate_source("other", effectiveFrom="2026-12-31T00:00:00Z"),
    ],
    ids=["other pair", "other base", "other priority", "suspended", "expired", "later"],
)
def test_sources_that_do_not_meet_stand_side_by_side(other: dict[str, Any]):
    assert compiled(rate_source("desk"), other).refused == ()


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        (rate_source("a"), feed("b"), "USD/IDR"),
        (feed("a"), feed("b"), "any quote of USD"),
        (feed("a"), feed("b", baseCurrency="EUR"), "USD/EUR"),
    ],
    ids=["listed and open", "both open", "each other's base"],
)
def test_an_open_source_meets_whatever_it_may_quote(
    first: dict[str, Any], second: dict[str, Any], shared: str
):
    assert shared in loser(compiled(first, second)).message


def test_a_loser_drives_nobody_out():
    wide = [{"quote": "IDR", "spreadBps": 1}, {"quote": "SGD", "spreadBps": 1}]
    compilation = compiled(
        rate_source("a"),
        rate_source("b", pairs=wide),
        rate_source("c", pairs=wide[1:]),
    )

    assert loser(compilation).identity.name == "b"


def test_thresholds_of_different_scope_add_up():
    rupiah = threshold("rupiah", scope={"currencies": ["IDR"]})

    assert compiled(threshold("limits"), rupiah).refused == ()


def test_thresholds_that_state_different_things_add_up():
    blocklist = threshold("blocklist", perPayment=None, blocklist={"accounts": ["A"]})
    other_list = threshold("more", perPayment=None, blocklist={"accounts": ["A", "B"]})

    assert compiled(threshold("limits"), blocklist, other_list).refused == ()


def test_a_shadow_threshold_contradicts_nothing():
    assert compiled(threshold("limits"), threshold("trial", mode="Shadow")).refused == ()


@pytest.mark.parametrize(
    ("rule", "stated"),
    [
        ({}, "perPayment"),
        ({"perPayment": None, "newAccount": {"maxAge": "1h", "points": 5}}, "newAccount"),
        (
            {
                "perPayment": None,
                "velocity": [{"name": "v", "window": "1m", "maxCount": 3, "action": "Review"}],
            },
            "velocity v",
        ),
    ],
)
def test_the_same_limit_for_the_same_scope_is_a_contradiction(rule: Any, stated: str):
    scopes = [{"currencies": ["IDR", "USD"]}, {"currencies": ["USD", "IDR"]}]
    first = threshold("a", scope=scopes[0], **rule)
    second = threshold("b", scope=scopes[1], **rule)

    ruling = loser(compiled(first, second))

    assert ruling.identity.name == "b"
    assert f"both state {stated} for the same scope" in ruling.message


def test_a_higher_priority_replaces_a_limit():
    young = {"creationTimestamp": YOUNG}
    usual = threshold("usual", metadata={"creationTimestamp": OLD})
    ruling = loser(compiled(usual, threshold("holiday", priority=500, metadata=young)))

    assert ruling.identity.name == "usual"
    assert ruling.winner == "RiskThreshold/holiday"
    assert "its priority is higher" in ruling.message


def test_what_comes_later_drives_nobody_out_before_its_time():
    usual = threshold("usual")
    holiday = threshold("holiday", priority=500, effectiveFrom="2026-01-02T00:00:00Z")

    before = compiled(usual, holiday)
    after = compile_resources([usual, holiday], now=NOW + 86_400_000_000)

    assert before.refused == ()
    assert before.risk is not None
    assert [t.name for t in before.risk.payload.thresholds] == ["holiday", "usual"]
    assert loser(after).identity.name == "usual"


def test_a_conflict_to_come_is_announced():
    later = threshold("b-later", effectiveFrom="2026-01-02T00:00:00Z")

    compilation = compiled(threshold("a-usual"), later)

    [announced] = [v for v in compilation.rulings if v.reason is Reason.NOT_YET_EFFECTIVE]
    assert "but then RiskThreshold/a-usual wins" in announced.message


def test_two_resources_of_one_name_are_one_too_many():
    compilation = compiled(
        rate_source("desk", metadata={"generation": 1}),
        rate_source("desk", metadata={"generation": 2}, defaultSpreadBps=7),
    )

    assert "more than once" in loser(compilation).message
    assert loser(compilation).identity.generation == 1


def test_one_name_in_two_kinds_or_namespaces_is_no_conflict():
    staging = rate_source("limits", metadata={"namespace": "staging"}, priority=1)

    assert compiled(rate_source("limits"), threshold("limits"), staging).refused == ()
