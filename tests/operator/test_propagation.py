"""Edits on their way to the pods: what the status says meanwhile, and what is counted of it."""

from tests.operator.builders import rate_source, threshold
from tests.operator.small_cluster import Operator, SmallCluster, SmallPod, edited, healthy, revision

DESK = "FXRateSource/desk"


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


async def test_without_pods_it_is_not_ready_and_no_lie(operator: Operator, cluster: SmallCluster):
    cluster.members.clear()
    cluster.apply(rate_source())

    await operator.settle()

    assert cluster.condition(DESK, "Ready") == ("False", "NoPods")
    assert cluster.events == []


async def test_a_pod_that_is_gone_fails_nothing(cluster: SmallCluster, operator: Operator):
    cluster.apply(rate_source())
    await operator.step()
    cluster.apply(rate_source(priority=3))
    await operator.step("Pod")
    del cluster.members["fx-1"]

    await operator.step("FXRateSource")

    assert operator.reconciler.settled
