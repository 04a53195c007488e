"""Upgrades, a rollback and an uninstall: what stays is what docs/operations.md says, and works."""

import json

import pytest
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import NEXT_TAG, PORTS, STORES, TAG, Installation
from tests.cluster.shell import eventually, get

from kurs.edges import EDGES
from kurs.edges.keys import file_name
from loadtest.load import Load

KEPT = {
    "Secret/kurs-api-keys",
    "Secret/kurs-quote-keys",
    "Secret/kurs-ledger-key",
    "Secret/postgresql-admin",
    *(f"Secret/{store}-{whose}database" for store in STORES for whose in ("", "owner-")),
    *(f"Secret/kurs-edge-{file_name(edge)}" for edge in EDGES),
    "PersistentVolumeClaim/data-postgresql-0",
    "ConfigMap/kurs-fx-config",
    "ConfigMap/kurs-risk-config",
    "ConfigMap/kurs-webhooks-config",
    "ConfigMap/kurs-ledger-heads",
    "ConfigMap/kurs-samples",
}
_KINDS = (
    "deployments,statefulsets,jobs,pods,services,configmaps,secrets,serviceaccounts,"
    "networkpolicies,horizontalpodautoscalers,poddisruptionbudgets,persistentvolumeclaims,roles,"
    "rolebindings"
)
_OPERATED = ("--set", "operator.enabled=true")
_LOGS = ("Job/kurs-operator-prepare-", "Pod/kurs-operator-prepare-")
_OF_EVERY_NAMESPACE = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default"}


def resources(installation: Installation) -> set[str]:
    """Return what the namespace holds beyond what every namespace does, and logs of Jobs."""
    items = get(installation.namespace, _KINDS)["items"]
    named = {f"{item['kind']}/{item['metadata']['name']}" for item in items}
    return {name for name in named - _OF_EVERY_NAMESPACE if not name.startswith(_LOGS)}


def sources_and_limits(installation: Installation) -> set[str]:
    """Return the names of the resources that the operator reconciles."""
    return {item["metadata"]["name"] for item in get(installation.namespace, "fxrs,rth")["items"]}


@pytest.fixture(scope="module")
def fresh(new_installation: NewInstallation) -> Installation:
    """An installation, the operator with it, that these tests alone upgrade and remove."""
    installation = new_installation()
    installation.upgrade(*_OPERATED)
    return installation


def test_keys_survive_upgrades_and_a_rollback(fresh: Installation) -> None:
    names = [name.split("/")[1] for name in KEPT if name.startswith("Secret/")]
    before = {name: fresh.secret(name) for name in names}

    fresh.upgrade(*_OPERATED, "--set", f"global.image.tag={NEXT_TAG}")
    fresh.upgrade(*_OPERATED, "--set", "wallet.replicaCount=2")
    assert len(fresh.ready_pods("wallet")) == 2
    fresh.helm("rollback", "kurs", "1", "--wait", "--timeout", "10m")

    assert {name: fresh.secret(name) for name in names} == before
    (wallet,) = fresh.pods("wallet")
    assert wallet["spec"]["containers"][0]["image"].endswith(f":{TAG}")
    with Load(fresh.gateway(), fresh.api_key(), "back") as load:
        assert fresh.helm("test", "kurs", "--timeout", "5m")
        account = load.finish()
    account.prove(at_least=1)


def test_an_uninstall_leaves_what_the_documentation_says(fresh: Installation) -> None:
    key, configured = fresh.api_key(), sources_and_limits(fresh)
    assert configured
    fresh.helm("uninstall", "kurs", "--wait", "--timeout", "5m")
    # One that ended well is still there for a moment.
    eventually("pods to go", lambda: not any(n.startswith("Pod/") for n in resources(fresh)))
    assert resources(fresh) == KEPT
    assert sources_and_limits(fresh) == configured

    fresh.upgrade(*_OPERATED)

    assert fresh.api_key() == key
    assert sources_and_limits(fresh) == configured
    assert "Succeeded" in fresh.helm("test", "kurs", "--timeout", "5m")


def test_the_document_that_the_chart_ships_is_in_force(dev: Installation) -> None:
    (pod,) = dev.ready_pods("fx")
    document = json.loads((dev.documents / "fx" / "config.json").read_text())
    address = next(p["status"]["podIP"] for p in dev.pods("fx") if p["metadata"]["name"] == pod)

    with dev.asking("fx") as client:
        answer = client.get(f"http://{address}:{PORTS['fx']}/internal/config")

    assert answer.json()["revision"] == document["revision"]
