"""What someone spoilt or deleted is put back as it was, also by an operator that starts anew."""

import json

from tests.operator.builders import rate_source, threshold
from tests.operator.small_cluster import Operator, SmallCluster, healthy, revision

from kurs.config.resources import FxDocument

DESK = "FXRateSource/desk"
LIMITS = "RiskThreshold/limits"


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
