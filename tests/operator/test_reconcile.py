"""Steps over a small cluster: what ends up in ConfigMaps, pods, statuses and Events."""

import asyncio
import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from tests.operator.builders import rate_source, threshold
from tests.operator.small_cluster import (
    Operator,
    SmallCluster,
    SmallPod,
    edited,
    healthy,
    revision,
)

from kurs_operator import approvals, entries, reconcile
from kurs_operator.cluster import ClusterFault

DESK = "FXRateSource/desk"
LIMITS = "RiskThreshold/limits"


async def test_nothing_is_written_when_nothing_changes(cluster: SmallCluster, operator: Operator):
    healthy(cluster)
    cluster.apply(rate_source())
    cluster.apply(threshold())
    await operator.settle()
    before = list(cluster.writes)

    await operator.settle()

    assert cluster.writes == before
    assert len(cluster.events) == 2


async def test_a_resource_deleted_while_in_force_leaves_the_document(
    cluster: SmallCluster, operator: Operator
):
    cluster.apply(rate_source())
    cluster.apply(rate_source("spare", priority=10))
    await operator.settle()

    cluster.delete(DESK)
    await operator.settle()

    document = json.loads(cluster.members["fx-0"].text)
    assert [source["name"] for source in document["payload"]["rateSources"]] == ["spare"]
    assert (
        operator.sample("kurs_resource_condition", kind="FXRateSource", name="desk", type="Ready")
        is None
    )


async def test_the_loser_of_a_conflict_is_told_who_won_and_why(
    cluster: SmallCluster, operator: Operator
):
    cluster.apply(threshold("old", metadata={"creationTimestamp": "2025-01-01T00:00:00Z"}))
    cluster.apply(threshold("young"))

    await operator.settle()

    assert cluster.condition("RiskThreshold/old", "Ready")[0] == "True"
    assert cluster.condition("RiskThreshold/young", "Ready") == ("False", "Conflicted")
    assert cluster.condition("RiskThreshold/young", "Stalled")[0] == "True"
    [message] = [note.message for key, note in cluster.events if key == "RiskThreshold/young"]
    assert "RiskThreshold/old wins because it is older" in message


async def test_suspend_and_windows_take_effect_without_an_edit(
    cluster: SmallCluster, operator: Operator
):
    healthy(cluster)
    cluster.apply(rate_source(effectiveUntil="2026-01-01T00:01:00Z"))
    cluster.apply(rate_source("spare", suspend=True, priority=1))
    await operator.settle()
    assert cluster.condition(DESK, "Ready") == ("True", "InForce")
    assert cluster.condition("FXRateSource/spare", "Ready") == ("True", "Suspended")

    due = await operator.step("Pod")
    operator.clock.advance(seconds=61)
    await operator.settle()

    assert due is not None
    assert due <= 60
    assert cluster.condition(DESK, "Ready") == ("True", "Expired")
    assert json.loads(cluster.texts["kurs-fx-config"])["payload"]["rateSources"] == []


async def test_an_unhealthy_source_is_not_ready_and_says_why(
    cluster: SmallCluster, operator: Operator
):
    healthy(cluster)
    cluster.apply(rate_source())
    await operator.settle()

    report = {"kind": "FXRateSource", "name": "desk", "healthy": False, "reason": "too_large"}
    cluster.members["fx-1"].reports = [{**report, "error": "the answer has more than 1 MiB"}]
    await operator.ask_again()
    await operator.step()

    assert cluster.condition(DESK, "SourceHealthy") == ("False", "TooLarge")
    assert cluster.condition(DESK, "Ready") == ("False", "Unhealthy")
    assert "more than 1 MiB" in cluster.events[-1][1].message


async def test_a_shadow_threshold_shows_what_it_would_have_decided(
    cluster: SmallCluster, operator: Operator
):
    cluster.members["risk-1"] = SmallPod("risk-1", "risk")
    for count, name in enumerate(("risk-0", "risk-1"), start=1):
        decisions = {"approve": 10 * count, "decline": count}
        cluster.members[name].reports = [
            {"kind": "RiskThreshold", "name": "limits", "decisions": decisions}
        ]
    cluster.apply(threshold(mode="Shadow"))

    await operator.settle()

    assert cluster.status(LIMITS)["shadow"] == {"approve": 30, "review": 0, "decline": 3}


async def test_an_unreachable_api_server_fails_the_step_and_the_next_one_catches_up(
    cluster: SmallCluster, operator: Operator
):
    healthy(cluster)
    cluster.apply(rate_source())
    await operator.settle()
    cluster.apply(rate_source(priority=9))
    cluster.down = True
    with pytest.raises(ClusterFault):
        await operator.step()

    cluster.down = False
    await operator.settle()

    assert cluster.status(DESK)["observedGeneration"] == 2
    assert cluster.condition(DESK, "Ready") == ("True", "InForce")


async def test_two_hundred_resources_at_once_are_one_document(
    cluster: SmallCluster, operator: Operator
):
    for number in range(200):
        cluster.apply(threshold(f"t{number}", mode="Shadow"))

    await operator.settle()

    assert cluster.writes.count("kurs-risk-config") == 1
    ready = {cluster.condition(f"RiskThreshold/t{n}", "Ready") for n in range(200)}
    assert ready == {("True", "InForce")}


async def test_the_document_carries_the_trace_of_its_reconcile(
    cluster: SmallCluster, operator: Operator
):
    cluster.apply(rate_source())

    await operator.step()

    spans = [s for s in operator.telemetry.spans() if s.attributes["kurs.service"] == "fx"]
    traceparent = json.loads(cluster.texts["kurs-fx-config"])["traceparent"]
    assert traceparent.split("-")[1] == f"{spans[0].context.trace_id:032x}"


async def test_a_resource_that_cannot_be_read_stops_no_edit_of_another(
    cluster: SmallCluster, operator: Operator, monkeypatch: pytest.MonkeyPatch
):
    healthy(cluster)
    cluster.apply(rate_source())
    http = {"url": "https://rates.example.org/", "format": "JSON", "ratesPath": "!" * 500 + "a"}
    feed = {"type": "HTTP", "static": None, "http": http, "pairs": [], "defaultSpreadBps": 20}
    cluster.apply(rate_source("deep", suspend=True, **feed))
    # One that no rule foresees, beside the one that a rule does.
    cluster.apply(rate_source("odd", priority=7))
    monkeypatch.setattr(entries, "last_edit", _fails_for_odd)
    await operator.settle()

    cluster.apply(rate_source(pairs=[{"quote": "IDR", "spreadBps": 30}]))
    await operator.settle()

    assert cluster.condition(DESK, "Ready") == ("True", "InForce")
    assert cluster.status(DESK)["observedGeneration"] == 2
    for name in ("deep", "odd"):
        assert cluster.condition(f"FXRateSource/{name}", "Accepted") == ("False", "Invalid")
    [told] = [call for call in operator.log.calls if call.method_name == "error"]
    assert told.args == ("resource cannot be read",)
    assert (told.kwargs["resource"], told.kwargs["generation"]) == ("FXRateSource/odd", 1)


def _fails_for_odd(content: Mapping[str, Any]) -> None:
    if content["metadata"]["name"] == "odd":
        raise MemoryError("odd")


async def test_the_loop_goes_on_while_edits_are_judged(
    cluster: SmallCluster, operator: Operator, monkeypatch: pytest.MonkeyPatch
):
    looked = threading.Event()

    def judged(*given: Any, **terms: Any) -> approvals.Approved:
        assert looked.wait(60), "nobody else had a turn: the watchdog would end the process"
        return approvals.compile_approved(*given, **terms)

    monkeypatch.setattr(reconcile, "compile_approved", judged)
    cluster.apply(rate_source())
    step = asyncio.create_task(operator.step())
    await asyncio.sleep(0)

    looked.set()
    await step

    assert revision(cluster)


async def test_each_edit_leaves_one_audit_line_with_its_author_and_its_outcome(
    cluster: SmallCluster, operator: Operator
):
    cluster.apply(threshold(metadata=edited(operator, ago=0)))
    await operator.settle()
    await operator.settle()
    loose = {"currency": "USD", "reviewAboveMinor": 1, "declineAboveMinor": 10**12}
    cluster.apply(threshold(perPayment=loose, metadata=edited(operator, ago=0)))
    await operator.settle()

    lines = [call.kwargs for call in operator.log.calls if "audit" in call.args]
    told = [(x["actor"], x["resource"], x["generation"], x["outcome"]) for x in lines]
    assert told == [
        ("kubectl", LIMITS, 1, "Accepted"),
        ("kubectl", LIMITS, 2, "TicketRequired"),
    ]
