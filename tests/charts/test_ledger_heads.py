"""The ConfigMap of the ledger's heads: made empty, kept, and the operator's alone to patch."""

import pytest
from tests.charts.conftest import ENVIRONMENTS, Render, of_kind

NAME = "kurs-ledger-heads"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_an_upgrade_and_an_uninstall_leave_what_it_holds(render: Render, environment: str) -> None:
    made = of_kind(render("kurs", environment), "ConfigMap")[NAME]

    assert not made.keys() & {"data", "binaryData", "immutable"}
    assert made["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_operator_gets_and_patches_this_one_alone(render: Render, environment: str) -> None:
    role = of_kind(render("kurs", environment), "Role")["kurs-operator"]
    by_name = {
        name: set(rule["verbs"])
        for rule in role["rules"]
        for name in rule.get("resourceNames", [])
        if rule["resources"] == ["configmaps"]
    }

    assert by_name[NAME] == {"get", "patch"}
    at_large = [r["verbs"] for r in role["rules"] if "resourceNames" not in r]
    assert not any({"get", "update", "delete"} & set(verbs) for verbs in at_large)
