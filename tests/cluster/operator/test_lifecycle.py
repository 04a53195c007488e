"""Installing, upgrading, uninstalling and deleting a namespace, by Helm 3 and Helm 4."""

import shutil
from typing import Any

import pytest
import yaml
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import NEXT_TAG, ROOT, TAG, Installation, dns_peers
from tests.cluster.operator.conftest import SMALL
from tests.cluster.shell import eventually, get, run

from kurs.edges import EDGES
from kurs.edges.table import OPERATOR
from kurs_operator.crds.definitions import GROUP, KINDS_DEFINED

CHART = str(ROOT / "charts" / "kurs-operator")
DEFINITIONS = tuple(f"{kind.plural}.{GROUP}" for kind in KINDS_DEFINED)


@pytest.fixture
def alone(new_installation: NewInstallation) -> Installation:
    """A namespace for the operator without services, and with what its chart makes no keys for."""
    installation = new_installation()
    installation.make_edge_keys(edge for edge in EDGES if OPERATOR in edge)
    return installation


def install(
    alone: Installation, helm: str, *arguments: str, timeout: str = "90s", **values: Any
) -> str:
    """Install or upgrade the operator's own chart, and wait for what Helm waits for."""
    network = {"network": {"dns": dns_peers()}, "image": {"tag": TAG}}
    content = yaml.safe_dump({"global": network, **SMALL, **values})
    command = ("upgrade", "--install", "operator", CHART, "-f", "-", "--wait", "--timeout", timeout)
    return alone.helm(*command, *arguments, stdin=content, helm=helm)


def names(alone: Installation) -> set[str]:
    found = get(alone.namespace, "fxrs,rth")["items"]
    return {item["metadata"]["name"] for item in found}


def test_an_uninstall_keeps_the_resources_and_a_second_installation_takes_them_up(
    alone: Installation, helm: str
) -> None:
    # Without pods no resource can be ready, so nothing is waited for but the operator.
    install(alone, "helm")
    before = names(alone)

    alone.helm("uninstall", "operator", "--wait", helm=helm)
    assert names(alone) == before
    for name in DEFINITIONS:
        run("kubectl", "get", "crd", name)
    install(alone, "helm")

    assert before == names(alone)
    assert {"limits", "simulated"} <= before


def test_a_namespace_goes_with_its_resources_within_half_a_minute(alone: Installation) -> None:
    install(alone, "helm")
    assert names(alone)

    run("kubectl", "delete", "namespace", alone.namespace, "--wait=false")

    eventually("the namespace gone", lambda: gone(alone.namespace), patience=30)


def test_an_upgrade_brings_the_definitions_up_to_date(alone: Installation) -> None:
    install(alone, "helm", samples={"enabled": False})
    for name in DEFINITIONS:
        run("kubectl", "label", "crd", name, "app.kubernetes.io/part-of=other", "--overwrite")

    install(alone, "helm", samples={"enabled": False})

    for name in DEFINITIONS:
        label = "{.metadata.labels.app\\.kubernetes\\.io/part-of}"
        assert run("kubectl", "get", "crd", name, "-o", f"jsonpath={label}") == "kurs"
    # The hook's rights go with it, its log stays.
    rights = "serviceaccounts,roles,rolebindings,networkpolicies"
    assert "kurs-operator-prepare" not in alone.kubectl("get", rights, "-o", "name")
    assert "job.batch/kurs-operator-prepare" in alone.kubectl("get", "jobs", "-o", "name")


def test_the_whole_gateway_is_ready_by_helm_4_is_upgraded_by_it_and_its_namespace_goes(
    new_installation: NewInstallation,
) -> None:
    installation = new_installation()
    installation.values = dict.fromkeys(
        ("api-gateway", "payments", "fx", "wallet", "risk", "postgresql", "kurs-operator"), SMALL
    )
    # Helm 3 installs all the others here.
    helm = "helm4" if shutil.which("helm4") else "helm"
    scaled = "wallet.autoscaling.enabled=true,wallet.autoscaling.minReplicas=2"
    chosen = f"operator.enabled=true,{scaled},wallet.autoscaling.maxReplicas=3"
    installation.upgrade("--set", chosen, helm=helm)

    eventually("all resources ready", lambda: not_ready(installation) == [])
    # What an HPA owns is not fought over: server-side apply would take a rendered number for ours.
    eventually("two pods by the HPA", lambda: len(installation.ready_pods("wallet")) == 2)
    installation.upgrade("--set", f"{chosen},global.image.tag={NEXT_TAG}", helm=helm)
    deployment = get(installation.namespace, "deployment", "wallet")
    assert deployment["spec"]["replicas"] == 2
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.endswith(f":{NEXT_TAG}")
    assert "Succeeded" in installation.helm("test", "kurs", "--timeout", "5m", helm=helm)
    run("kubectl", "delete", "namespace", installation.namespace, "--wait=false")

    # 27 to 29 s on two cores; a busy server takes longer to look through a namespace.
    eventually("the namespace gone", lambda: gone(installation.namespace), patience=45)


def not_ready(installation: Installation) -> list[str]:
    return [
        item["metadata"]["name"]
        for item in get(installation.namespace, "fxrs,rth")["items"]
        if not any(
            c["type"] == "Ready" and c["status"] == "True"
            for c in item.get("status", {}).get("conditions", ())
        )
    ]


def gone(namespace: str) -> bool:
    return namespace not in run("kubectl", "get", "namespaces", "-o", "name")


def test_a_release_owns_nothing_that_people_edit(alone: Installation, helm: str) -> None:
    install(alone, helm)

    assert {"limits", "simulated"} <= names(alone)
    shipped = alone.helm("get", "manifest", "operator", helm=helm)
    assert "kind: FXRateSource" not in shipped
    assert "kind: RiskThreshold" not in shipped
