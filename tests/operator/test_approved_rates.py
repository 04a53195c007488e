"""Rate sources are held to what was approved of them, and of those that they come before."""

from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.operator.bench import Bench
from tests.operator.builders import rate_source
from tests.operator.small_cluster import Operator, SmallCluster, SmallPod

from kurs_operator.ruling import Reason

SAMPLES = Path(__file__).parents[2] / "k8s" / "samples"
YES, NO = Reason.ACCEPTED, Reason.TICKET_REQUIRED
LATER = "2026-06-01T00:00:00Z"


@pytest.fixture
def bench() -> Bench:
    return Bench()


def provider(name: str = "bank", **spec: Any) -> dict[str, Any]:
    """Return a source over HTTP that is held to everything a source can be held to."""
    told = {"ratesPath": "rates", "asOfPath": "date", "basePath": "base"}
    http = {"url": "https://bank.example/", "format": "JSON", **told}
    bounds = {"maxAge": "1h", "maxDeviationBps": 100, "onStale": "Reject", "priority": 200}
    return rate_source(name, **{"type": "HTTP", "static": None, "http": http, **bounds, **spec})


HTTP = provider()["spec"]["http"]
LOOSER = [
    {"maxDeviationBps": 101},
    {"maxDeviationBps": None},
    {"maxDeviationFromNextBps": 501, "changeTicket": "please"},
    {"maxAge": "3601s"},
    {"pairs": [{"quote": "IDR", "spreadBps": 25, "maxAge": "2h"}]},
    {"onStale": "NextSource"},
    {"onStale": "UseLastKnown"},
    {"allowInsecure": True},
    {"http": {k: v for k, v in HTTP.items() if k != "asOfPath"}},
    {"http": {k: v for k, v in HTTP.items() if k != "basePath"}},
]


@pytest.mark.parametrize("edit", LOOSER, ids=str)
def test_no_field_is_loosened_without_a_ticket_that_is_new(bench: Bench, edit: dict[str, Any]):
    assert bench.apply(provider()) is YES
    assert bench.apply(provider(**edit)) is NO
    assert bench.in_force() == {"bank": 1}
    assert "generation 1 stays in force" in bench.rulings["bank"].message
    assert bench.apply(provider(**{**edit, "changeTicket": "any text"})) is not YES
    assert bench.apply(provider(**{**edit, "changeTicket": "CHG-1"})) is YES
    assert bench.apply(provider(maxAge="5h", changeTicket="CHG-1")) is NO


def test_what_is_tightened_may_be_taken_back(bench: Bench):
    strict = {"maxDeviationBps": 10, "maxAge": "60s", "maxDeviationFromNextBps": 5}

    assert bench.apply(provider()) is YES
    assert bench.apply(provider(**strict)) is YES
    assert bench.apply(provider()) is YES
    assert bench.apply(provider(maxAge="3601s")) is NO


def test_a_bound_that_is_new_is_approved_with_the_edit_that_brings_it(bench: Bench):
    bench.apply(provider(maxDeviationBps=None))
    bench.apply(provider())

    assert bench.apply(provider(maxDeviationBps=None)) is NO


def test_prices_and_brakes_ask_for_nothing(bench: Bench):
    bench.apply(provider(), rate_source(priority=100))

    assert bench.apply(rate_source(priority=100, static={"rates": {"IDR": "900000000"}})) is YES
    assert bench.apply(rate_source(priority=100, pairs=[{"quote": "IDR", "spreadBps": 0}])) is YES
    assert bench.apply(provider(suspend=True)) is Reason.SUSPENDED
    assert bench.apply(provider()) is YES


def test_one_that_is_asked_before_another_is_no_laxer_than_it(bench: Bench):
    bench.apply(provider())

    assert bench.apply(rate_source("desk", priority=1000)) is NO
    assert bench.in_force() == {"bank": 1}
    assert "FXRateSource/desk is asked before bank" in bench.rulings["desk"].message
    assert "it is not in force" in bench.rulings["desk"].message
    assert bench.apply(provider("other", priority=300)) is YES
    assert bench.apply(provider("laxer", priority=400, maxDeviationBps=101)) is NO
    assert bench.apply(rate_source("fallback", priority=100)) is YES
    assert bench.apply(rate_source("desk", priority=1000, changeTicket="CHG-1")) is YES


def behind_a_provider(bench: Bench, **provided: Any) -> None:
    """Let there be a provider since yesterday, and a lax source that nobody was asked about."""
    bench.apply(provider(**provided))
    bench.pass_a_day()
    assert bench.apply(rate_source("desk", priority=50)) is NO
    assert "it is not in force" in bench.rulings["desk"].message
    assert "may stand in for bank" in bench.rulings["desk"].message


@pytest.mark.parametrize(
    "leave",
    [
        {"suspend": True},
        {"effectiveUntil": "2026-01-02T00:00:01Z"},
        {"effectiveFrom": "2030-01-01T00:00:00Z"},
        {"pairs": [{"quote": "SGD", "spreadBps": 1}]},
        {"baseCurrency": "EUR"},
        {"http": {"url": "https://nobody.example/", "format": "JSON"}, "changeTicket": "any text"},
    ],
    ids=str,
)
def test_what_waits_behind_a_provider_is_not_in_force_when_that_leaves(
    bench: Bench, leave: dict[str, Any]
):
    behind_a_provider(bench)
    bench.apply(provider(**leave))
    bench.now += 2_000_000
    bench.settle()

    assert bench.ruling("desk") is NO
    assert "desk" not in bench.in_force()
    assert bench.apply(rate_source("desk", priority=49)) is NO
    assert bench.apply(rate_source("desk", priority=50, changeTicket="CHG-1")) is YES
    assert bench.apply(rate_source("desk", priority=50)) is YES


def test_a_fallback_is_approved_by_a_ticket_or_is_no_laxer(bench: Bench):
    behind_a_provider(bench)

    assert bench.apply(rate_source("desk", priority=50, changeTicket="CHG-1")) is YES
    assert bench.apply(provider("second", priority=60, maxAge="30m")) is YES
    assert bench.apply(rate_source("desk", priority=900, changeTicket="CHG-1")) is NO
    bench.apply(rate_source("desk", priority=50, changeTicket="CHG-1", suspend=True))
    assert bench.apply(rate_source("desk", priority=50, changeTicket="CHG-1")) is YES


def test_a_fallback_that_came_with_its_provider_was_approved_with_it(bench: Bench):
    bench.apply(provider())
    bench.now += 60_000_000
    assert bench.apply(rate_source("desk", priority=50)) is YES

    bench.apply(rate_source("idle", priority=60, suspend=True))
    bench.pass_a_day()
    assert bench.apply(rate_source("idle", priority=60)) is NO


def test_a_pair_that_is_new_to_an_approved_source_is_judged(bench: Bench):
    sgd, idr = ({"quote": quote, "spreadBps": 1} for quote in ("SGD", "IDR"))
    bench.apply(rate_source(priority=900, pairs=[sgd]))
    bench.apply(provider())
    bench.apply(provider("cents", priority=10, pairs=[sgd], changeTicket="CHG-1"))
    bench.pass_a_day()

    assert bench.apply(rate_source(priority=900, pairs=[sgd, idr])) is NO
    assert bench.in_force()["desk"] == 1


def test_one_that_was_suspended_does_not_come_back_before_what_came_since(bench: Bench):
    bench.apply(rate_source("desk", priority=900))
    bench.apply(rate_source("desk", priority=900, suspend=True))
    bench.apply(provider())
    assert bench.apply(rate_source("desk", priority=900)) is NO
    assert bench.apply(rate_source("desk", priority=50)) is YES


def test_what_was_approved_of_a_pair_outlives_that_it_is_served(bench: Bench):
    bench.apply(provider())
    bench.apply(provider(pairs=[{"quote": "SGD", "spreadBps": 1}]))
    bench.pass_a_day()
    assert bench.apply(rate_source("desk")) is NO

    sgd = [{"quote": "SGD", "spreadBps": 1}]
    assert bench.apply(provider(pairs=sgd, changeTicket="CHG-1")) is YES
    assert bench.apply(rate_source("desk")) is YES


def static(name: str, base: str, *quotes: str, **spec: Any) -> dict[str, Any]:
    """Return a source that a person wrote, of other pairs."""
    rates = {"rates": dict.fromkeys(quotes, "900000000")}
    pairs = [{"quote": quote, "spreadBps": 1} for quote in quotes]
    return rate_source(name, **{"baseCurrency": base, "static": rates, "pairs": pairs, **spec})


def test_a_pair_is_the_same_through_any_base(bench: Bench):
    both = [{"quote": quote, "spreadBps": 1} for quote in ("USD", "IDR")]
    bench.apply(provider(baseCurrency="EUR", pairs=both))
    bench.pass_a_day()

    assert bench.apply(static("desk", "USD", "IDR")) is NO
    assert bench.apply(static("desk", "IDR", "USD")) is NO
    assert bench.apply(static("desk", "JPY", "USD", "IDR")) is NO
    assert bench.apply(static("desk", "USD", "JPY", "KWD")) is YES


def test_a_pair_is_not_joined_around_what_holds_it(bench: Bench):
    bench.apply(provider())
    bench.pass_a_day()

    assert bench.apply(static("here", "USD", "XOF")) is YES
    assert bench.apply(static("there", "XOF", "IDR")) is NO
    assert bench.apply(provider("there", baseCurrency="XOF")) is NO
    assert "FXRateSource/here may stand in for bank" in bench.rulings["there"].message
    assert bench.apply(static("there", "XOF", "JPY")) is YES
    assert bench.apply(static("there", "XOF", "JPY", "IDR")) is NO


def test_a_pair_is_not_joined_with_what_waits_until_it_comes_back(bench: Bench):
    bench.apply(provider())
    bench.pass_a_day()
    assert bench.apply(static("there", "XOF", "IDR")) is YES
    bench.apply(static("there", "XOF", "IDR", suspend=True))

    assert bench.apply(static("here", "USD", "XOF")) is NO
    assert bench.apply(static("there", "XOF", "IDR")) is YES


def test_currencies_that_were_had_apart_are_not_had_together(bench: Bench):
    bench.apply(provider())
    bench.pass_a_day()
    for base, quote in (("XOF", "USD"), ("XAF", "IDR")):
        assert bench.apply(static("desk", base, quote)) is YES

    assert bench.apply(static("desk", "USD", "IDR")) is NO


def test_what_an_older_operator_approved_counts(bench: Bench):
    bench.apply(provider(), rate_source("desk", priority=50))
    terms = bench.approvals["uid-desk"].terms
    old = terms.model_copy(update={"serves": (), "pairs": terms.pairs[:1]})
    bench.approvals["uid-desk"] = bench.approvals["uid-desk"].model_copy(update={"terms": old})
    bench.pass_a_day()

    spread = [{"quote": "IDR", "spreadBps": 7}]
    assert bench.apply(rate_source("desk", priority=50, pairs=spread)) is YES


def test_one_that_stands_in_for_a_suspended_provider_is_no_laxer_than_it(bench: Bench):
    bench.apply(provider())
    bench.apply(provider(suspend=True))

    for priority in (50, 900):
        assert bench.apply(rate_source("desk", priority=priority)) is NO
        assert "FXRateSource/desk" in bench.rulings["desk"].message
    assert bench.apply(rate_source("desk", priority=50, changeTicket="CHG-1")) is YES
    assert bench.apply(provider("other", priority=900)) is YES
    spread = [{"quote": "IDR", "spreadBps": 7}]
    assert bench.apply(rate_source("desk", priority=50, pairs=spread)) is YES
    assert bench.apply(provider()) is YES
    bench.apply(provider(suspend=True, priority=10))
    assert bench.apply(provider(priority=10)) is NO


def test_what_was_approved_behind_a_provider_stands_in_for_it(bench: Bench):
    bench.apply(provider(), rate_source("desk", priority=50))
    bench.apply(provider(suspend=True))

    assert bench.apply(rate_source("desk", priority=50, static={"rates": {"IDR": "1"}})) is YES


def test_it_is_judged_before_it_begins(bench: Bench):
    bench.apply(provider())

    assert bench.apply(rate_source("desk", priority=1000, effectiveFrom=LATER)) is NO
    assert bench.in_force() == {"bank": 1}


@pytest.mark.parametrize(
    ("name", "priority"), [("low", 300), ("high", 100)], ids=["raised", "lowered"]
)
def test_the_order_of_two_that_were_approved_changes_by_a_ticket_alone(
    bench: Bench, name: str, priority: int
):
    bench.apply(provider("high", priority=250), provider("low", priority=200))

    assert bench.apply(provider(name, priority=priority)) is NO
    assert bench.apply(provider(name, priority=priority, changeTicket="CHG-1")) is YES
    other, back = {"low": ("high", 900), "high": ("low", 50)}[name]
    assert bench.apply(provider(other, priority=back)) is NO


def test_one_that_loses_its_pairs_to_another_of_its_priority_is_protected_as_well(bench: Bench):
    older = {"pairs": [{"quote": "SGD", "spreadBps": 1}], "priority": 200}
    bench.apply(rate_source("a-desk", **older), provider("bank"))
    both = [{"quote": quote, "spreadBps": 1} for quote in ("SGD", "IDR")]

    assert bench.apply(rate_source("a-desk", **{**older, "pairs": both})) is NO
    assert bench.ruling("bank") is YES


def test_a_source_from_before_there_were_approvals_is_approved_as_it_is(bench: Bench):
    far = {"maxDeviationFromNextBps": 5000, "changeTicket": "please"}
    assert bench.apply(provider(**far)) is NO
    assert bench.apply(provider(**{**far, "changeTicket": "CHG-1"})) is YES

    bench.approvals.clear()
    bench.contents["bank"]["spec"]["changeTicket"] = "please"
    bench.settle()
    assert bench.ruling("bank") is YES
    assert bench.apply(provider(**{**far, "maxDeviationFromNextBps": 5001})) is NO


def samples() -> Iterator[dict[str, Any]]:
    for file in sorted(SAMPLES.glob("*.yaml")):
        content = yaml.safe_load(file.read_text())
        content["spec"]["suspend"] = False
        yield content


@pytest.mark.parametrize("kind", ["FXRateSource", "RiskThreshold"])
def test_the_samples_come_into_force_in_any_order_and_none_asks(kind: str):
    chosen = [content for content in samples() if content["kind"] == kind]
    for ordered in permutations(chosen):
        bench = Bench()
        # The provider itself, once in force, is not overruled by a walk around its old rates.
        names = [content["metadata"]["name"] for content in ordered]
        overruled = "simulated" in names and names.index("ecb-daily") < names.index("simulated")
        for content in ordered:
            wanted = NO if overruled and content["metadata"]["name"] == "simulated" else YES
            assert bench.apply(content) is wanted, names


async def test_what_was_approved_stands_in_the_status_and_survives_the_operator():
    cluster = SmallCluster([SmallPod("fx-0", "fx")])
    cluster.apply(provider())
    for edit, wanted in (({}, "True"), ({"maxDeviationBps": 101}, "False")):
        operator = Operator(cluster)
        cluster.apply(provider(**edit))
        await operator.settle()
        await operator.close()
        assert cluster.condition("FXRateSource/bank", "Accepted")[0] == wanted

    approved = cluster.status("FXRateSource/bank")["approved"]
    assert approved["terms"]["maxDeviationBps"] == 100
