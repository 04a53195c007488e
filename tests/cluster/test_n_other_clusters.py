"""Stricter clusters than ours: a quota on limits, users that the cluster gives (OpenShift).

What gives users there is an admission plugin; here policies of the API server do as it does: they
refuse a user that a pod names, and give it one of the namespace's range.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.cluster.conftest import NewInstallation
from tests.cluster.installation import SERVICES, Installation
from tests.cluster.shell import get, run

UID, SERVER_UID = 1_000_650_000, 999
"""The server's image must know its user, which a stand-in for it may know one of only."""
_QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "everything"},
    "spec": {"hard": {"limits.cpu": "20", "limits.memory": "20Gi", "requests.cpu": "2"}},
}


@pytest.fixture
def strict(new_installation: NewInstallation) -> Iterator[Installation]:
    """A namespace with a quota, in which no pod may name its user and gets one all the same."""
    place = new_installation()
    place.kubectl("create", "-f", "-", stdin=yaml.safe_dump(_QUOTA))
    made = yaml.safe_dump_all(policies(place.namespace))
    run("kubectl", "apply", "-f", "-", stdin=made)
    yield place
    run("kubectl", "delete", "-f", "-", stdin=made)


def policies(namespace: str) -> Iterator[dict[str, Any]]:
    """Yield what gives every pod of a namespace its user, and its files their group."""
    matched = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "resourceRules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["pods"],
            }
        ],
    }
    component = "object.metadata.labels['app.kubernetes.io/component']"
    user = f"({component} == 'postgresql' ? {SERVER_UID} : {UID})"
    context = f"Object.spec.securityContext{{runAsUser: {user}, fsGroup: {user}}}"
    expression = f"Object{{spec: Object.spec{{securityContext: {context}}}}}"
    given = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}
    unnamed = {
        "name": "names-no-user",
        "expression": "!has(object.spec.securityContext.runAsUser)",
    }
    mutating = {
        "matchConstraints": matched,
        "matchConditions": [unnamed],
        "mutations": [given],
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
    }
    yield from _bound(namespace, "MutatingAdmissionPolicy", mutating, {})
    refused = f"object.spec.securityContext.runAsUser == {user}"
    validating = {
        "matchConstraints": matched,
        "validations": [{"expression": refused, "message": "a user out of range"}],
    }
    denied = {"validationActions": ["Deny"]}
    yield from _bound(namespace, "ValidatingAdmissionPolicy", validating, denied)


def _bound(
    namespace: str, kind: str, spec: dict[str, Any], bound: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    name = f"users-of-{namespace}"
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    yield {**head, "kind": kind, "spec": spec}
    yield {**head, "kind": f"{kind}Binding", "spec": {"policyName": name, **bound}}


def test_it_runs_within_a_quota_under_users_that_the_cluster_gives(strict: Installation) -> None:
    limited = {"resources": {"requests": {"cpu": "20m"}, "limits": {"cpu": "1"}}}
    charts = (*SERVICES, "postgresql", "kurs-operator")
    jobs = {"resources": {"limits": {"cpu": "1"}}}
    strict.values = {
        **dict.fromkeys(charts, limited),
        "global": {"fixedIds": False, "jobs": jobs},
    }

    strict.upgrade("--set", "operator.enabled=true")

    users = {
        pod["spec"]["securityContext"]["runAsUser"]
        for pod in get(strict.namespace, "pods")["items"]
    }
    assert users == {UID, SERVER_UID}
    assert "Succeeded" in strict.helm("test", "kurs", "--timeout", "5m")
