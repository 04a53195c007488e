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
    assert "asked before FXRateSource/bank" in bench.rulings["desk"].message
    assert "it is not in force" in bench.rulings["desk"].message
    assert bench.apply(provider("other", priority=300)) is YES
    assert bench.apply(provider("laxer", priority=400, maxDeviationBps=101)) is NO
    assert bench.apply(rate_source("fallback", priority=100)) is YES
    assert bench.apply(rate_source("desk", priority=1000, changeTicket="CHG-1")) is YES


def test_one_that_stands_in_for_a_suspended_provider_is_no_laxer_than_it(bench: Bench):
    bench.apply(provider())
    bench.apply(provider(suspend=True))

    for priority in (50, 900):
        assert bench.apply(rate_source("desk", priority=priority)) is NO
        assert "it stands in for FXRateSource/bank" in bench.rulings["desk"].message
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
