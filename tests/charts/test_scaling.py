"""Who owns the number of pods, and what an environment promises about it."""

import json

import pytest
from tests.charts.conftest import ENVIRONMENTS, SERVICES, Refused, Render, of_kind


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_nothing_is_rendered_that_an_autoscaler_owns(render: Render, environment: str) -> None:
    documents = render("kurs", environment)
    scaled = of_kind(documents, "HorizontalPodAutoscaler")
    for service in SERVICES:
        spec = of_kind(documents, "Deployment")[service]["spec"]
        assert ("replicas" in spec) != (service in scaled), service


@pytest.mark.parametrize(("environment", "least"), [("dev", 1), ("staging", 2), ("production", 3)])
def test_an_environment_has_so_many_pods_at_least(
    render: Render, environment: str, least: int
) -> None:
    documents = render("kurs", environment)
    for service in SERVICES:
        scaler = of_kind(documents, "HorizontalPodAutoscaler").get(service)
        found = (
            scaler["spec"]["minReplicas"]
            if scaler
            else of_kind(documents, "Deployment")[service]["spec"]["replicas"]
        )
        assert found == least, service


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_budget_stands_above_one_pod_only(render: Render, environment: str) -> None:
    budgets = of_kind(render("kurs", environment), "PodDisruptionBudget")

    assert set(SERVICES) & set(budgets) == (set() if environment == "dev" else set(SERVICES))


def test_an_autoscaler_has_a_behaviour_both_ways(render: Render) -> None:
    for scaler in of_kind(render("kurs", "staging"), "HorizontalPodAutoscaler").values():
        assert scaler["apiVersion"] == "autoscaling/v2"
        assert set(scaler["spec"]["behavior"]) == {"scaleUp", "scaleDown"}


def test_production_spreads_over_zones_and_refuses_to_do_without(render: Render) -> None:
    for service in SERVICES:
        pod = of_kind(render("kurs", "production"), "Deployment")[service]["spec"]["template"]
        when = {
            c["topologyKey"]: c["whenUnsatisfiable"]
            for c in pod["spec"]["topologySpreadConstraints"]
        }
        assert when["topology.kubernetes.io/zone"] == "DoNotSchedule"


def test_fewer_most_than_least_is_refused(render: Render) -> None:
    with pytest.raises(Refused, match="wallet: autoscaling"):
        render("kurs", "staging", "--set", "wallet.autoscaling.maxReplicas=1")


def test_an_embedded_database_has_one_pod_and_never_two_at_once(render: Render) -> None:
    documents = render("kurs", "dev", "--set", "wallet.database.kind=sqlite")

    spec = of_kind(documents, "Deployment")["wallet"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert "wallet-database" in of_kind(documents, "PersistentVolumeClaim")
    assert not [name for name in of_kind(documents, "Job") if name.startswith("wallet")]


def test_another_autoscaler_owns_the_number_alone(render: Render) -> None:
    documents = render("kurs", "dev", "--set", "wallet.autoscaling.external=true")

    assert "replicas" not in of_kind(documents, "Deployment")["wallet"]["spec"]
    assert "wallet" not in of_kind(documents, "HorizontalPodAutoscaler")
    assert "wallet" in of_kind(documents, "PodDisruptionBudget")


def test_two_autoscalers_are_refused(render: Render) -> None:
    with pytest.raises(Refused, match=r"autoscaling\.external"):
        render("kurs", "staging", "--set", "wallet.autoscaling.external=true")


@pytest.mark.parametrize(("limit", "fits"), [(319, False), (320, True), (0, True)])
def test_more_connections_than_the_server_lets_in_are_refused(
    render: Render, limit: int, fits: bool
) -> None:
    told = ("--set", f"global.database.maxConnections={limit}")

    # (12 + 8 + 8 + 8 pods, and one more of each during an update) times 8.
    if fits:
        assert render("kurs", "production", *told)
    else:
        with pytest.raises(Refused, match=r"320 connections .*the server lets in 319"):
            render("kurs", "production", *told)


def test_the_pool_of_a_service_counts(render: Render) -> None:
    chosen = "global.database.maxConnections=50,wallet.settings.KURS_DATABASE_CONNECTIONS"

    with pytest.raises(Refused, match=r"wallet 5 \* 20"):
        render("kurs", "staging", "--set", f"{chosen}=20")


def test_the_bundled_server_tells_itself(render: Render) -> None:
    with pytest.raises(Refused, match="64 connections"):
        render("kurs", "dev", "--set-string", "postgresql.parameters.max_connections=40")


def test_a_chart_alone_counts_its_own(render: Render) -> None:
    with pytest.raises(Refused, match=r"wallet 2 \* 8"):
        render("wallet", "", "--set", "database.kind=postgresql,global.database.maxConnections=15")


def test_a_service_is_exposed_as_the_cloud_wants_it(render: Render) -> None:
    told = {
        "type": "LoadBalancer",
        "annotations": {"service.example.com/scheme": "internal"},
        "loadBalancerClass": "example.com/nlb",
        "loadBalancerSourceRanges": ["203.0.113.0/24", "2001:db8::/32"],
        "externalTrafficPolicy": "Local",
    }
    rendered = render("api-gateway", "", "--set-json", f"service={json.dumps(told)}")
    service = of_kind(rendered, "Service")["api-gateway"]

    assert service["metadata"]["annotations"] == told.pop("annotations")
    assert service["spec"].items() >= told.items()


def test_a_route_ends_requests_and_no_streams(render: Render) -> None:
    route = "httpRoute.enabled=true,httpRoute.parentRefs[0].name=public"
    rendered = render("api-gateway", "", "--set", route)
    streams, rest = of_kind(rendered, "HTTPRoute")["api-gateway"]["spec"]["rules"]

    assert streams["matches"] == [{"path": {"type": "Exact", "value": "/payments/events"}}]
    assert streams["timeouts"] == {"request": "0s"}
    assert rest["timeouts"] == {"request": "30s"}


def test_names_are_asked_for_on_the_ports_of_dns_pods(render: Render) -> None:
    documents = render("kurs", "dev", "--set-json", "global.network.dns=[]")
    for name, policy in of_kind(documents, "NetworkPolicy").items():
        rules = policy["spec"].get("egress", [])
        ports = {(p["port"], p.get("protocol")) for rule in rules for p in rule.get("ports", [])}
        if name not in ("default-deny", "postgresql"):
            assert {(53, "UDP"), (53, "TCP"), (5353, "UDP"), (5353, "TCP")} <= ports, name
