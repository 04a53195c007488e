"""Whatever dies or is spoilt meanwhile: the right configuration, a true status, payments go on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.cluster.installation import Installation
from tests.cluster.operator.resources import (
    CONFIG_MAPS,
    DESK,
    Resources,
    source,
    spread,
    threshold,
)
from tests.cluster.shell import eventually, get

from loadtest.load import Load


def patch(operated: Installation, kind: str, name: str, change: dict[str, Any]) -> None:
    operated.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(change))


@contextmanager
def stopped(operated: Installation) -> Iterator[None]:
    """Run without the operator, not even one that is on its way out."""
    chosen = "app.kubernetes.io/component=operator"
    operated.kubectl("scale", "deployment/kurs-operator", "--replicas=0")
    operated.kubectl("wait", "pod", "-l", chosen, "--for=delete", "--timeout=60s")
    try:
        yield
    finally:
        operated.kubectl("scale", "deployment/kurs-operator", "--replicas=1")


def test_an_operator_killed_in_the_middle_of_a_rollout_goes_on_where_it_was(
    operated: Installation, desk: Resources
) -> None:
    before = desk.document("fx")["revision"]
    with Load(operated.gateway(), operated.api_key(), "killed") as load:
        desk.apply(spread(11))
        operated.kubectl(
            *("delete", "pod", "-l", "app.kubernetes.io/component=operator"),
            *("--grace-period=0", "--force"),
        )
        desk.wait_ready(*DESK)
        account = load.finish()

    assert desk.spreads() == {11}
    assert desk.document("fx")["revision"] != before
    account.prove(at_least=1)


def test_without_an_operator_payments_and_new_pods_go_on_and_it_catches_up(
    operated: Installation, desk: Resources
) -> None:
    with Load(operated.gateway(), operated.api_key(), "without") as load:
        with stopped(operated):
            desk.apply(spread(12))
            [victim, *_] = operated.ready_pods("fx")
            operated.kubectl("delete", "pod", victim, "--wait=false")
            eventually("three pods", lambda: len(set(operated.ready_pods("fx")) - {victim}) == 3)
            assert desk.spreads() == {10}
            assert desk.conditions(*DESK) == {}
        desk.wait_ready(*DESK)
        account = load.finish()

    assert desk.spreads() == {12}
    account.prove(at_least=20)


def test_an_operator_cut_off_from_the_api_server_catches_up(
    operated: Installation, desk: Resources
) -> None:
    policy = get(operated.namespace, "networkpolicy", "kurs-operator")
    cut = {"spec": {"egress": []}}
    operated.kubectl(
        "patch", "networkpolicy", "kurs-operator", "--type=merge", "-p", json.dumps(cut)
    )
    try:
        with Load(operated.gateway(), operated.api_key(), "cutoff") as load:
            desk.apply(spread(13))
            eventually("payments for a while", lambda: load.count > 200)
            account = load.finish()
    finally:
        healed = {"spec": {"egress": policy["spec"]["egress"]}}
        patch(operated, "networkpolicy", "kurs-operator", healed)

    desk.wait_ready(*DESK)
    assert desk.spreads() == {13}
    account.prove(at_least=100)


def test_a_deleted_config_map_is_restored_and_no_pod_forgets(
    operated: Installation, desk: Resources
) -> None:
    revision = desk.document("fx")["revision"]

    with Load(operated.gateway(), operated.api_key(), "gone") as load:
        operated.kubectl("delete", "configmap", CONFIG_MAPS["fx"])
        eventually("the document again", lambda: desk.document("fx")["revision"] == revision)
        account = load.finish()

    account.prove(at_least=1)
    answers = desk.ask("fx", "/internal/config").values()
    assert {answer["revision"] for answer in answers} == {revision}
    assert desk.conditions(*DESK)["Ready"] == ("True", "InForce")


@pytest.mark.parametrize("spoilt", ["{}", "not JSON", ""], ids=["empty", "garbage", "nothing"])
def test_a_config_map_edited_by_hand_is_restored(
    operated: Installation, desk: Resources, spoilt: str
) -> None:
    revision = desk.document("fx")["revision"]
    change = {"data": {"config.json": spoilt}}

    def restored() -> bool:
        found = get(operated.namespace, "configmap", CONFIG_MAPS["fx"])
        text = found["data"]["config.json"]
        return bool(text != spoilt and json.loads(text)["revision"] == revision)

    with Load(operated.gateway(), operated.api_key(), f"spoilt{len(spoilt)}") as load:
        patch(operated, "configmap", CONFIG_MAPS["fx"], change)
        eventually("the document again", restored)
        eventually(
            "no pod complains",
            lambda: all(not a["error"] for a in desk.ask("fx", "/internal/config").values()),
        )
        account = load.finish()

    account.prove(at_least=1)
    assert desk.spreads() == {10}


def test_pods_that_come_during_a_change_are_counted_once_they_are_ready(
    operated: Installation, desk: Resources
) -> None:
    with Load(operated.gateway(), operated.api_key(), "scaled") as load:
        operated.kubectl("scale", "deployment/fx", "--replicas=1")
        eventually("one pod", lambda: len(operated.pods("fx")) == 1)
        operated.kubectl("scale", "deployment/fx", "--replicas=5")
        desk.apply(spread(14))
        desk.wait_ready(*DESK)
        eventually("five pods", lambda: len(operated.ready_pods("fx")) == 5)
        eventually("five counted", lambda: summary(desk) == "5/5")
        account = load.finish()
    operated.kubectl("scale", "deployment/fx", "--replicas=3")

    assert desk.spreads() == {14}
    account.prove(at_least=20)


def summary(resources: Resources) -> str:
    return str(resources.get(*DESK)["status"]["propagation"]["summary"])


def test_a_resource_deleted_while_in_force_gives_way_to_the_next(
    operated: Installation, desk: Resources
) -> None:
    with Load(operated.gateway(), operated.api_key(), "deleted") as load:
        desk.delete(*DESK)
        eventually("the next source", lambda: sources(desk) == {"simulated"})
        account = load.finish()

    account.prove(at_least=1)


def sources(resources: Resources) -> set[str]:
    return {rate["source"] for rate in resources.ask("fx", "/rate?base=EUR&quote=IDR").values()} | {
        rate["source"] for rate in resources.ask("fx", "/rate?base=EUR&quote=USD").values()
    }


def test_two_hundred_resources_at_once_all_come_into_force(
    operated: Installation, resources: Resources
) -> None:
    names = [f"many-{number}" for number in range(200)]

    def ready() -> bool:
        items = get(resources.installation.namespace, "rth")["items"]
        states = {
            c["status"]
            for item in items
            if item["metadata"]["name"] in names
            for c in item.get("status", {}).get("conditions", [{"type": "Ready", "status": "?"}])
            if c["type"] == "Ready"
        }
        return states == {"True"} and len(items) >= len(names)

    with Load(operated.gateway(), operated.api_key(), "many") as load:
        resources.apply(*(threshold(name) for name in names))
        eventually("all ready", ready)
        account = load.finish()
    account.prove(at_least=20)
    listed = {source["name"] for source in resources.document("risk")["sources"]}
    assert set(names) <= listed


def test_the_loser_of_a_conflict_is_told_who_won(resources: Resources) -> None:
    resources.apply(source("desk"))
    resources.wait_ready(*DESK)

    resources.apply(source("rival"))
    resources.wait_for("FXRateSource", "rival", "Ready", "False", "Conflicted")

    conditions = resources.get("FXRateSource", "rival")["status"]["conditions"]
    [ready] = [c for c in conditions if c["type"] == "Ready"]
    assert "FXRateSource/desk wins because it is older" in ready["message"]
    # The two were approved in one order, and are asked in the other by a ticket alone.
    resources.apply(source("rival", priority=501, changeTicket=None))
    resources.wait_for("FXRateSource", "rival", "Accepted", "False", "TicketRequired")
    resources.apply(source("rival", priority=501, changeTicket="CHG-1"))
    resources.wait_ready("FXRateSource", "rival")


def test_the_operator_was_refused_nothing_and_failed_nothing_for_good(
    operated: Installation, resources: Resources
) -> None:
    """Runs after the others of this module: what it did so far is in its log and metrics."""
    logs = operated.kubectl("logs", "deployment/kurs-operator", "--tail=-1")

    assert "Forbidden" not in logs
    assert " 403" not in logs
    assert resources.metric("kurs_operator_queue_depth") <= 1
    assert resources.metric("kurs_operator_reconcile_total") > 0
