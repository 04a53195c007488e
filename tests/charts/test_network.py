"""The network policies are the edges of the design, no more and no fewer."""

import json
from typing import Any

import pytest
from tests.charts.conftest import CHARTS, ENVIRONMENTS, SERVICES, Document, Render, of_kind
from tests.edges import SERVICE_EDGES

from devstack.topology import DEFAULT_PORT, ports_from
from kurs.edges import EDGES

PORTS = ports_from(DEFAULT_PORT)
STORES = ("payments", "wallet", "risk", "webhooks")


def peers(rule: Document, side: str) -> list[str]:
    """Return the components that a rule names."""
    found = []
    for peer in rule.get(side, []):
        labels = peer.get("podSelector", {}).get("matchLabels", {})
        if "app.kubernetes.io/component" in labels and "namespaceSelector" not in peer:
            assert labels["app.kubernetes.io/part-of"] == "kurs"
            found.append(labels["app.kubernetes.io/component"])
    return found


def edges(policies: dict[str, Any], direction: str) -> set[tuple[str, str, int]]:
    """Return caller, called and port of each edge that one side of the policies allows."""
    side = "from" if direction == "ingress" else "to"
    return {
        (peer, service, rule["ports"][0]["port"])
        if direction == "ingress"
        else (service, peer, rule["ports"][0]["port"])
        for service in SERVICES
        for rule in policies[service]["spec"][direction]
        for peer in peers(rule, side)
    }


def test_the_charts_have_the_table_of_the_code() -> None:
    text = (CHARTS / "service-lib" / "templates" / "_edges.tpl").read_text()
    table = json.loads(text[text.index("[") : text.rindex("]") + 1])

    assert [(edge["from"], edge["to"]) for edge in table] == [*EDGES]
    assert {edge for edge in EDGES if edge[0] != "operator"} == SERVICE_EDGES


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_services_call_whom_the_design_says(render: Render, environment: str) -> None:
    policies = of_kind(render("kurs", environment), "NetworkPolicy")
    wanted = {(caller, called, PORTS[called]) for caller, called in SERVICE_EDGES}
    inside = {e for e in edges(policies, "ingress") if e[0] in SERVICES}

    assert inside == wanted
    assert {e for e in edges(policies, "egress") if e[1] in SERVICES} == wanted


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_operator_calls_whom_the_design_says(render: Render, environment: str) -> None:
    policy = of_kind(render("kurs", environment), "NetworkPolicy")["kurs-operator"]["spec"]
    called = {peer for rule in policy["egress"] for peer in peers(rule, "to")}

    assert {("operator", peer) for peer in called} == {e for e in EDGES if e[0] == "operator"}


def test_a_pod_that_tries_to_reach_the_wallet_is_let_out_and_not_in(render: Render) -> None:
    policies = of_kind(render("kurs", "dev"), "NetworkPolicy")
    out = {peer for rule in policies["wallet-test"]["spec"]["egress"] for peer in peers(rule, "to")}

    assert out == {"wallet"}
    assert ("test", "wallet") not in {e[:2] for e in edges(policies, "ingress")}
    assert "wallet-test" in of_kind(render("kurs", "dev"), "Pod")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nobody_else_is_let_in(render: Render, environment: str) -> None:
    policies = of_kind(render("kurs", environment), "NetworkPolicy")
    strangers = {e[:2] for e in edges(policies, "ingress") if e[0] not in SERVICES}

    operated = {edge for edge in EDGES if edge[0] == "operator"}
    assert strangers == {*operated, ("test", "api-gateway")}


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_prometheus_reaches_the_operations_port_alone(render: Render, environment: str) -> None:
    documents = render("kurs", environment)
    policies = of_kind(documents, "NetworkPolicy")
    for service in (*SERVICES, "kurs-operator"):
        rules = [
            rule["ports"]
            for rule in policies[service]["spec"]["ingress"]
            if any("namespaceSelector" in peer for peer in rule.get("from", []))
        ]
        assert rules == [[{"port": 9464}]], service
    for monitor in of_kind(documents, "ServiceMonitor").values():
        assert [e["port"] for e in monitor["spec"]["endpoints"]] == ["operations"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_service_for_callers_has_the_operations_port(render: Render, environment: str) -> None:
    services = of_kind(render("kurs", environment), "Service")
    for name in SERVICES:
        assert [p["name"] for p in services[name]["spec"]["ports"]] == ["http"]
        apart = services[f"{name}-operations"]["spec"]
        assert apart["clusterIP"] == "None"
        assert [p["port"] for p in apart["ports"]] == [9464]


def test_a_bundled_database_lets_in_its_services_only(render: Render) -> None:
    policy = of_kind(render("kurs", "dev"), "NetworkPolicy")["postgresql"]["spec"]
    allowed = {peer for rule in policy["ingress"] for peer in peers(rule, "from")}

    assert allowed == {*STORES, *(f"{name}-migration" for name in STORES)}
    assert "Egress" in policy["policyTypes"]
    assert not policy.get("egress")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_only_services_with_data_reach_a_database(render: Render, environment: str) -> None:
    policies = of_kind(render("kurs", environment), "NetworkPolicy")
    reaching = {
        service
        for service in SERVICES
        for rule in policies[service]["spec"]["egress"]
        if rule["ports"][0]["port"] == 5432
    }

    assert reaching == set(STORES)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_everything_else_in_the_namespace_is_denied(render: Render, environment: str) -> None:
    policy = of_kind(render("kurs", environment), "NetworkPolicy")["default-deny"]["spec"]

    assert policy == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_named_clients_are_the_only_ones_of_the_gateway(render: Render) -> None:
    clients = "api-gateway.networkPolicy.clients[0].ipBlock.cidr=192.0.2.0/24"
    policy = of_kind(render("kurs", "dev", "--set", clients), "NetworkPolicy")["api-gateway"]

    assert all(rule.get("from") for rule in policy["spec"]["ingress"])
    assert {"ipBlock": {"cidr": "192.0.2.0/24"}} in policy["spec"]["ingress"][0]["from"]


def test_the_picture_of_the_edges_is_the_table() -> None:
    page = (CHARTS.parent / "docs" / "architecture.md").read_text()
    drawn = page.split("## Who may call whom")[1].split("```")[1].splitlines()[2:]

    assert [line.strip() for line in drawn] == [f"{a} --> {b}" for a, b in EDGES]
