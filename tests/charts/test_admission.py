"""What the API server is told beyond RBAC, and the roles that people are given."""

from typing import Any

import pytest
from tests.charts.conftest import ENVIRONMENTS, Render, of_kind

KINDS = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")


def rules(render: Render, role: str) -> dict[str, set[str]]:
    """Return the verbs of a ClusterRole by kind."""
    content = of_kind(render("kurs", "production"), "ClusterRole")[role]
    return {name: set(rule["verbs"]) for rule in content["rules"] for name in rule["resources"]}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_policy_is_bound_and_denies_in_its_own_namespace_alone(
    render: Render, environment: str
) -> None:
    documents, namespace = render("kurs", environment), f"kurs-{environment}"
    policies, bindings = (of_kind(documents, kind) for kind in KINDS)

    assert set(policies) == {f"kurs-pokes-{namespace}", f"kurs-overrides-{namespace}"}
    for name, policy in policies.items():
        assert bindings[name]["spec"] == {"policyName": name, "validationActions": ["Deny"]}
        selector = policy["spec"]["matchConstraints"]["namespaceSelector"]
        assert selector == {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        assert policy["spec"]["failurePolicy"] == "Fail"


def test_the_operators_account_is_the_one_that_is_bounded(render: Render) -> None:
    documents = render("kurs", "dev")
    [condition] = policy(documents, "kurs-pokes-kurs-dev")["matchConditions"]
    pod = of_kind(documents, "Deployment")["kurs-operator"]["spec"]["template"]["spec"]
    account = f"system:serviceaccount:kurs-dev:{pod['serviceAccountName']}"

    assert condition["expression"] == f"request.userInfo.username == '{account}'"
    text = str(policy(documents, "kurs-pokes-kurs-dev")["validations"])
    assert "in ['api-gateway', 'fx', 'operator', 'risk', 'webhooks']" in text
    for part in ("object.spec == oldObject.spec", "labels", "finalizers", "ownerReferences"):
        assert part in text


def test_a_ticket_and_the_brakes_ask_for_a_verb_of_their_own(render: Render) -> None:
    spec = policy(render("kurs", "dev"), "kurs-overrides-kurs-dev")
    variables = {variable["name"]: variable["expression"] for variable in spec["variables"]}

    assert "check('override').allowed()" in variables["may"]
    assert all("variables.may" in rule["expression"] for rule in spec["validations"])
    guarded = [rule["message"] for rule in spec["validations"]]
    for brake in ("changeTicket", "suspend a threshold", "delete a rate source"):
        assert any(brake in message for message in guarded)


def test_nobody_who_edits_may_override(render: Render) -> None:
    read, edit = {"get", "list", "watch"}, {"create", "update", "patch", "delete"}

    every = ("fxratesources", "riskthresholds", "eventdestinations")
    assert rules(render, "kurs-viewer") == dict.fromkeys(every, read)
    # Who says where a merchant's events go says nothing about money, and the other way round.
    assert rules(render, "kurs-destinations-editor") == {"eventdestinations": read | edit}
    assert rules(render, "kurs-rates-editor") == {
        "fxratesources": read | edit,
        "riskthresholds": read,
    }
    assert rules(render, "kurs-limits-editor") == {
        "riskthresholds": read | edit,
        "fxratesources": read,
    }
    approver = read | {"override"}
    assert rules(render, "kurs-approver") == {"fxratesources": approver, "riskthresholds": approver}


def test_they_can_be_left_out(render: Render) -> None:
    off = ("admissionPolicies.enabled=false", "clusterRoles.enabled=false")
    documents = render("kurs", "dev", "--set", ",".join(f"kurs-operator.{value}" for value in off))

    assert not of_kind(documents, KINDS[0])
    assert "kurs-viewer" not in of_kind(documents, "ClusterRole")


def policy(documents: list[Any], name: str) -> dict[str, Any]:
    spec: dict[str, Any] = of_kind(documents, KINDS[0])[name]["spec"]
    return spec
