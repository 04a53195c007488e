"""Whatever dies or is spoilt meanwhile: the right configuration, a true status, payments go on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from tests.cluster.installation import Installation
from tests.cluster.load import Load
from tests.cluster.operator.resources import CONFIG_MAPS, Resources, source, threshold
from tests.cluster.shell import eventually, get

DESK = ("FXRateSource", "desk")


def spread(bps: int) -> dict[str, Any]:
    return source("desk", pairs=[{"quote": "IDR", "spreadBps": bps}])


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


@pytest.fixture
def desk(resources: Resources) -> Resources:
    """The resources, with a source of the test's own in force."""
    resources.apply(spread(10))
    resources.wait_ready(*DESK)
    return resources


def spreads(resources: Resources) -> set[int]:
    return {rate["spread_bps"] for rate in resources.ask("fx", "/rate?base=USD&quote=IDR").values()}


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

    assert spreads(desk) == {11}
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
            assert spreads(desk) == {10}
            assert desk.conditions(*DESK) == {}
        desk.wait_ready(*DESK)
        account = load.finish()

    assert spreads(desk) == {12}
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
    assert spreads(desk) == {13}
    account.prove(at_least=100)


def test_a_deleted_config_map_is_restored_and_no_pod_forgets(
    operated: Installation, desk: Resources
) -> None:
    revision = desk.document("fx")["revision"]

    operated.kubectl("delete", "configmap", CONFIG_MAPS["fx"])

    eventually("the document again", lambda: desk.document("fx")["revision"] == revision)
    answers = desk.ask("fx", "/internal/config").values()
    assert {answer["revision"] for answer in answers} == {revision}
    assert desk.conditions(*DESK)["Ready"] == ("True", "InForce")


@pytest.mark.parametrize("spoilt", ["{}", "not JSON", ""], ids=["empty", "garbage", "nothing"])
def test_a_config_map_edited_by_hand_is_restored(
    operated: Installation, desk: Resources, spoilt: str
) -> None:
    revision = desk.document("fx")["revision"]
    change = {"data": {"config.json": spoilt}}

    operated.kubectl(
        "patch", "configmap", CONFIG_MAPS["fx"], "--type=merge", "-p", json.dumps(change)
    )

    def restored() -> bool:
        found = get(operated.namespace, "configmap", CONFIG_MAPS["fx"])
        text = found["data"]["config.json"]
        return bool(text != spoilt and json.loads(text)["revision"] == revision)

    eventually("the document again", restored)
    eventually(
        "no pod complains",
        lambda: all(not a["error"] for a in desk.ask("fx", "/internal/config").values()),
    )
    assert spreads(desk) == {10}


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

    assert spreads(desk) == {14}
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


def test_two_hundred_resources_at_once_all_come_into_force(resources: Resources) -> None:
    names = [f"many-{number}" for number in range(200)]

    resources.apply(*(threshold(name) for name in names))

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

    eventually("all ready", ready)
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
    resources.apply(source("rival", priority=501))
    resources.wait_ready("FXRateSource", "rival")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://10.96.0.1/rates", "address"),
        ("https://kubernetes.default.svc/rates", "address"),
        ("https://169.254.169.254/latest/meta-data", "address"),
    ],
)
def test_a_source_at_a_private_address_is_unhealthy_and_the_next_one_is_used(
    desk: Resources, url: str, said: str
) -> None:
    http = {"url": url, "format": "JSON", "ratesPath": "rates"}
    bad = source("outside", type="HTTP", static=None, http=http, priority=900)

    desk.apply(bad)
    desk.wait_for("FXRateSource", "outside", "SourceHealthy", "False", "Address")

    conditions = desk.get("FXRateSource", "outside")["status"]["conditions"]
    [healthy] = [c for c in conditions if c["type"] == "SourceHealthy"]
    assert said in healthy["message"]
    assert spreads(desk) == {10}
    assert desk.events("outside")[-1] == ("Warning", "Unhealthy")


def test_a_secret_never_appears_outside_of_its_own_object(
    operated: Installation, desk: Resources
) -> None:
    value = "value-that-must-not-be-seen"
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "rates"},
        "stringData": {"token": value},
    }
    http = {
        "url": "https://rates.example.org/latest.json",
        "format": "JSON",
        "ratesPath": "rates",
        "secretRef": {"name": "rates", "key": "token"},
    }
    operated.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(secret))
    desk.apply(source("outside", type="HTTP", static=None, http=http, priority=900))
    desk.wait_for("FXRateSource", "outside", "Ready", "False", "Unhealthy")

    shown = json.dumps([desk.get("FXRateSource", "outside"), desk.document("fx")])
    logs = operated.kubectl("logs", "-l", "app.kubernetes.io/part-of=kurs", "--tail=-1")
    operated.kubectl("delete", "secret", "rates")

    assert value not in shown + logs


def test_the_operator_was_refused_nothing_and_failed_nothing_for_good(
    operated: Installation, resources: Resources
) -> None:
    """Runs after the others of this module: what it did so far is in its log and metrics."""
    logs = operated.kubectl("logs", "deployment/kurs-operator", "--tail=-1")

    assert "Forbidden" not in logs
    assert " 403" not in logs
    assert resources.metric("operator_queue_depth") <= 1
    assert resources.metric("operator_reconcile_total") > 0
