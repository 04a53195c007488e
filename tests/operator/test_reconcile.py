"""Steps over a small cluster: what ends up in ConfigMaps, pods, statuses and Events."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from tests.operator.builders import rate_source, threshold
from tests.operator.small_cluster import Operator, SmallCluster, SmallPod

from kurs.config.resources import FxDocument
from kurs.kernel.clock import MICROS, to_rfc3339
from kurs_operator import approvals, entries, reconcile
from kurs_operator.cluster import ClusterFault

DESK = "FXRateSource/desk"
LIMITS = "RiskThreshold/limits"


@pytest.fixture
def cluster() -> SmallCluster:
    return SmallCluster(
        [*(SmallPod(f"fx-{n}", "fx") for n in range(3)), SmallPod("risk-0", "risk")]
    )


@pytest.fixture
async def operator(cluster: SmallCluster) -> AsyncIterator[Operator]:
    made = Operator(cluster)
    yield made
    await made.close()


def healthy(cluster: SmallCluster, name: str = "desk") -> None:
    for pod in cluster.members.values():
        if pod.service == "fx":
            pod.reports = [
                {
                    "kind": "FXRateSource",
                    "name": name,
                    "healthy": True,
                    "observed_at": "2026-01-01T00:00:00.000000Z",
                }
            ]


def revision(cluster: SmallCluster, config_map: str = "kurs-fx-config") -> str:
    return str(json.loads(cluster.texts[config_map])["revision"])


async def test_an_edit_reaches_every_pod_and_the_status_says_so(
    cluster: SmallCluster, operator: Operator
):
    healthy(cluster)
    cluster.apply(rate_source())

    await operator.settle()

    assert {pod.answer().revision for pod in cluster.members.values() if pod.service == "fx"} == {
        revision(cluster)
    }
    assert cluster.condition(DESK, "Ready") == ("True", "InForce")
    assert cluster.condition(DESK, "SourceHealthy") == ("True", "Healthy")
    status = cluster.status(DESK)
    assert status["observedGeneration"] == 1
    assert status["propagation"]["summary"] == "3/3"
    assert status["revision"] == revision(cluster)
    assert status["lastRateAt"] == "2026-01-01T00:00:00Z"
    assert [(key, note.type, note.reason) for key, note in cluster.events] == [
        (DESK, "Normal", "InForce")
    ]
    assert operator.sample("kurs_config_propagation_seconds_count", kind="FXRateSource") == 1


async def test_nothing_is_written_when_nothing_changes(cluster: SmallCluster, operator: Operator):
    healthy(cluster)
    cluster.apply(rate_source())
    cluster.apply(threshold())
    await operator.settle()
    before = list(cluster.writes)

    await operator.settle()

    assert cluster.writes == before
    assert len(cluster.events) == 2


async def test_ready_is_never_claimed_while_a_counted_pod_runs_an_older_generation(
    cluster: SmallCluster, operator: Operator
):
    healthy(cluster)
    cluster.apply(rate_source())
    await operator.settle()
    slow = cluster.members["fx-1"]
    slow.obeys = False

    cluster.apply(rate_source(pairs=[{"quote": "IDR", "spreadBps": 30}]))
    await operator.settle()

    assert cluster.status(DESK)["observedGeneration"] == 2
    assert cluster.condition(DESK, "Ready") == ("False", "Propagating")
    assert cluster.condition(DESK, "Reconciling") == ("True", "Propagating")
    assert cluster.status(DESK)["propagation"]["lagging"][0]["pod"] == "fx-1"

    slow.text = cluster.texts["kurs-fx-config"]
    await operator.ask_again()
    await operator.step()
    assert cluster.condition(DESK, "Ready") == ("True", "InForce")
    assert cluster.condition(DESK, "Reconciling") == ("absent", "")


async def test_a_rollout_that_takes_too_long_is_stalled_and_names_the_pods(
    cluster: SmallCluster, operator: Operator
):
    cluster.members["fx-2"].obeys = False
    cluster.apply(rate_source())
    await operator.settle()

    operator.clock.advance(seconds=61)
    await operator.step()

    assert cluster.condition(DESK, "Stalled") == ("True", "PropagationTimeout")
    [note] = [note for key, note in cluster.events if key == DESK]
    assert note.type == "Warning"
    assert "fx-2" in note.message

    cluster.members["fx-2"].text = cluster.texts["kurs-fx-config"]
    await operator.ask_again()
    await operator.step()
    assert cluster.condition(DESK, "Propagated")[0] == "True"
    assert propagations(operator) == {"slow": 1, "all": 1}


def propagations(operator: Operator) -> dict[str, float | None]:
    """Return how many rollouts of rates were counted, and how many of them took over 5 s."""
    of_all = operator.sample("kurs_config_propagation_seconds_count", kind="FXRateSource")
    quick = operator.sample("kurs_config_propagation_seconds_bucket", kind="FXRateSource", le="5.0")
    assert of_all is not None
    assert quick is not None
    return {"slow": of_all - quick, "all": of_all}


def edited(operator: Operator, *, ago: int) -> dict[str, object]:
    """Return the metadata of a resource whose spec was edited so many seconds ago."""
    at = to_rfc3339(operator.clock.now() - ago * MICROS)
    entry = {"manager": "kubectl", "time": at[:19] + "Z"}
    return {"managedFields": [{**entry, "fieldsV1": {"f:spec": {}}}]}


async def test_an_edit_that_is_seen_late_counts_from_when_it_was_made(
    cluster: SmallCluster, operator: Operator
):
    cluster.apply(rate_source(metadata=edited(operator, ago=0)))
    await operator.settle()
    assert propagations(operator) == {"slow": 0, "all": 1}

    metadata = edited(operator, ago=20)
    cluster.apply(rate_source(pairs=[{"quote": "IDR", "spreadBps": 30}], metadata=metadata))
    await operator.settle()

    assert "editedAt" in cluster.status(DESK)["propagation"]
    assert propagations(operator) == {"slow": 1, "all": 2}
    total = operator.sample("kurs_config_propagation_seconds_sum", kind="FXRateSource")
    assert total is not None
    assert 20 < total < 26

    cluster.apply(rate_source(metadata=edited(operator, ago=-1)))
    await operator.settle()
    assert "editedAt" not in cluster.status(DESK)["propagation"]
    assert propagations(operator) == {"slow": 1, "all": 3}


async def test_a_resource_that_waited_for_another_counts_from_the_end_of_its_waiting(
    cluster: SmallCluster, operator: Operator
):
    cluster.apply(rate_source("first", priority=9, metadata=edited(operator, ago=0)))
    cluster.apply(rate_source("first-too", priority=9, metadata=edited(operator, ago=0)))
    await operator.settle()
    assert cluster.condition("FXRateSource/first-too", "Accepted") == ("False", "Conflicted")

    operator.clock.advance(seconds=30)
    cluster.delete("FXRateSource/first")
    await operator.settle()

    assert cluster.condition("FXRateSource/first-too", "Accepted") == ("True", "Accepted")
    assert "editedAt" not in cluster.status("FXRateSource/first-too")["propagation"]
    assert propagations(operator) == {"slow": 0, "all": 2}


async def test_what_the_promise_of_propagation_counts_is_there_before_the_first_edit(
    operator: Operator,
):
    assert propagations(operator) == {"slow": 0, "all": 0}
    assert operator.sample("kurs_config_propagation_seconds_count", kind="RiskThreshold") == 0


async def test_a_pod_that_rejects_the_document_is_named_with_its_error(
    cluster: SmallCluster, operator: Operator
):
    pod = cluster.members["fx-0"]
    pod.obeys, pod.error = False, "config.json: payload: is missing"
    cluster.apply(rate_source())

    await operator.settle()

    assert cluster.condition(DESK, "Propagated") == ("False", "Rejected")
    propagation = cluster.status(DESK)["propagation"]
    assert (propagation["summary"], propagation["rejected"]) == ("2/3", 1)
    assert propagation["lagging"] == [{"pod": "fx-0", "error": "config.json: payload: is missing"}]
    assert propagations(operator) == {"slow": 1, "all": 1}


async def test_pods_that_come_and_go_do_not_take_ready_back(
    cluster: SmallCluster, operator: Operator
):
    healthy(cluster)
    cluster.apply(rate_source())
    await operator.settle()

    text = cluster.texts["kurs-fx-config"]
    cluster.members["fx-3"] = SmallPod("fx-3", "fx", text=text)
    cluster.members["fx-4"] = SmallPod("fx-4", "fx", text=text, silence="no answer within 1 s")
    cluster.members["fx-5"] = SmallPod("fx-5", "fx", ready=False)
    del cluster.members["fx-0"]
    operator.clock.advance(seconds=10)
    await operator.step()

    assert cluster.condition(DESK, "Ready") == ("True", "InForce")


async def test_a_pod_that_answers_with_another_generation_takes_ready_back(
    cluster: SmallCluster, operator: Operator
):
    healthy(cluster)
    cluster.apply(rate_source())
    await operator.settle()
    old = cluster.members["fx-0"].text
    cluster.apply(rate_source(priority=7))
    await operator.settle()
    assert cluster.condition(DESK, "Ready") == ("True", "InForce")

    cluster.members["fx-0"].obeys, cluster.members["fx-0"].text = False, old
    await operator.ask_again()
    await operator.step()

    assert cluster.condition(DESK, "Ready") == ("False", "Drifted")
    assert cluster.events[-1][1].type == "Warning"


async def test_an_edit_of_one_resource_does_not_shake_another(
    cluster: SmallCluster, operator: Operator
):
    cluster.apply(threshold("a", scope={"currencies": ["USD"]}))
    cluster.apply(threshold("b", scope={"currencies": ["EUR"]}))
    await operator.settle()
    status = cluster.status("RiskThreshold/b")

    cluster.members["risk-0"].obeys = False
    cluster.apply(threshold("a", scope={"currencies": ["USD"]}, priority=3))
    await operator.settle()

    assert cluster.condition("RiskThreshold/a", "Ready")[0] == "False"
    assert cluster.status("RiskThreshold/b") == status


async def test_a_deleted_or_spoilt_config_map_is_repaired_with_the_very_same_text(
    cluster: SmallCluster, operator: Operator
):
    cluster.apply(rate_source())
    await operator.settle()
    text = cluster.texts["kurs-fx-config"]

    forged = json.loads(text)
    forged["sources"][0] |= {"editedBy": "nobody", "editedAt": "2020-01-01T00:00:00Z"}
    others = text.replace('"spreadBps": 25', '"spreadBps": 26')
    for spoil in ("{}", others, json.dumps(forged), text + " "):
        cluster.texts["kurs-fx-config"] = spoil
        await operator.step("ConfigMap")
        assert cluster.texts["kurs-fx-config"] == text
    cluster.texts.clear()
    await operator.step("ConfigMap")

    assert cluster.texts["kurs-fx-config"] == text
    labels = {"service": "fx", "cause": "repaired"}
    assert operator.sample("kurs_operator_documents_written_total", **labels) == 5


async def test_a_restarted_operator_finds_all_in_place_and_writes_nothing(
    cluster: SmallCluster, operator: Operator
):
    healthy(cluster)
    cluster.apply(rate_source())
    await operator.settle()
    before, events = list(cluster.writes), len(cluster.events)

    again = Operator(cluster, operator.clock)
    await again.settle()
    await again.close()

    assert cluster.writes == before
    assert len(cluster.events) == events


async def test_an_operator_that_died_between_apply_and_propagation_goes_on(
    cluster: SmallCluster, operator: Operator
):
    healthy(cluster)
    for pod in cluster.members.values():
        pod.obeys = False
    cluster.apply(rate_source())
    await operator.step()
    await operator.close()
    for pod in cluster.members.values():
        pod.obeys, pod.poked = True, ""

    again = Operator(cluster, operator.clock)
    await again.settle()
    await again.close()

    assert cluster.condition(DESK, "Ready") == ("True", "InForce")


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


async def test_an_edit_that_only_the_models_refuse_keeps_the_last_good_generation(
    cluster: SmallCluster, operator: Operator
):
    cluster.apply(threshold())
    await operator.settle()
    good = revision(cluster, "kurs-risk-config")
    bounds = {"currency": "USX", "reviewAboveMinor": 1, "declineAboveMinor": 2}

    cluster.apply(threshold(perPayment=bounds))
    await operator.settle()

    assert revision(cluster, "kurs-risk-config") == good
    assert cluster.condition(LIMITS, "Accepted") == ("False", "Invalid")
    assert cluster.status(LIMITS)["observedGeneration"] == 2
    [accepted] = [c for c in cluster.status(LIMITS)["conditions"] if c["type"] == "Accepted"]
    assert "perPayment.currency" in accepted["message"]
    assert "generation 1 stays in force" in accepted["message"]


async def test_a_kept_generation_is_shown_as_live_and_as_healthy_as_it_is(
    cluster: SmallCluster, operator: Operator
):
    healthy(cluster)
    cluster.apply(rate_source())
    await operator.settle()

    cluster.apply(rate_source(baseCurrency="USX"))
    await operator.settle()

    status = cluster.status(DESK)
    assert cluster.condition(DESK, "Accepted") == ("False", "Invalid")
    assert cluster.condition(DESK, "SourceHealthy") == ("True", "Healthy")
    assert (status["propagation"]["generation"], status["propagation"]["summary"]) == (1, "3/3")
    [propagated] = [c for c in status["conditions"] if c["type"] == "Propagated"]
    assert propagated["reason"] == "NotAccepted"
    assert "generation 1 stays in force, on 3/3 pods" in propagated["message"]


async def test_a_hand_edit_is_repaired_while_the_resource_is_spoilt(
    cluster: SmallCluster, operator: Operator
):
    cluster.apply(rate_source())
    await operator.settle()
    good = cluster.texts["kurs-fx-config"]
    cluster.apply(rate_source(baseCurrency="USX"))
    await operator.settle()
    document = FxDocument.model_validate_json(good)
    [source] = document.payload.rate_sources
    spec = source.spec.model_copy(update={"default_spread_bps": 999})
    forged = source.model_copy(update={"spec": spec})
    payload = document.payload.model_copy(update={"rate_sources": (forged,)})
    cluster.texts["kurs-fx-config"] = FxDocument.build(payload, document.sources).to_json()
    assert revision(cluster) != json.loads(good)["revision"]

    await operator.settle()

    assert revision(cluster) == json.loads(good)["revision"]


async def test_an_end_by_time_is_no_drift(cluster: SmallCluster, operator: Operator):
    healthy(cluster)
    cluster.apply(rate_source(effectiveUntil="2026-01-01T00:01:00Z"))
    await operator.settle()

    operator.clock.advance(seconds=61)
    await operator.settle()

    assert cluster.condition(DESK, "Ready") == ("True", "Expired")
    assert [note.reason for key, note in cluster.events if key == DESK] == ["InForce", "Expired"]


async def test_when_the_last_pod_goes_the_status_keeps_no_old_count(
    cluster: SmallCluster, operator: Operator
):
    healthy(cluster)
    cluster.apply(rate_source())
    await operator.settle()
    assert cluster.status(DESK)["propagation"]["summary"] == "3/3"

    for pod in cluster.members.values():
        pod.ready = False
    await operator.settle()

    assert cluster.condition(DESK, "Ready") == ("False", "NoPods")
    assert cluster.status(DESK)["propagation"]["summary"] == "0/0"
    for pod in cluster.members.values():
        pod.ready = True
    await operator.settle()
    assert cluster.condition(DESK, "Ready") == ("True", "InForce")


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


async def test_without_pods_it_is_not_ready_and_no_lie(operator: Operator, cluster: SmallCluster):
    cluster.members.clear()
    cluster.apply(rate_source())

    await operator.settle()

    assert cluster.condition(DESK, "Ready") == ("False", "NoPods")
    assert cluster.events == []


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


async def test_a_pod_that_is_gone_fails_nothing(cluster: SmallCluster, operator: Operator):
    cluster.apply(rate_source())
    await operator.step()
    cluster.apply(rate_source(priority=3))
    await operator.step("Pod")
    del cluster.members["fx-1"]

    await operator.step("FXRateSource")

    assert operator.reconciler.settled


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


async def test_a_status_that_someone_spoilt_is_written_anew(
    cluster: SmallCluster, operator: Operator
):
    healthy(cluster)
    cluster.apply(rate_source())
    await operator.settle()
    for field in ("startedAt", "completedAt", "editedAt"):
        cluster.bodies[DESK]["status"]["propagation"][field] = "2026-02-30T00:00:00Z"
    cluster.bodies[DESK]["status"]["lastRateAt"] = "at noon"

    await operator.settle()

    assert cluster.condition(DESK, "Ready") == ("True", "InForce")
    assert cluster.status(DESK)["lastRateAt"] == "2026-01-01T00:00:00Z"


async def test_a_forged_document_that_cannot_be_read_is_repaired(
    cluster: SmallCluster, operator: Operator
):
    cluster.apply(rate_source())
    await operator.settle()
    text = cluster.texts["kurs-fx-config"]

    for forged in ("[" * 100_000, text.replace('"IDR"', "9" * 5000), "\ud800"):
        cluster.texts["kurs-fx-config"] = forged
        await operator.step("ConfigMap")

        assert cluster.texts["kurs-fx-config"] == text


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
