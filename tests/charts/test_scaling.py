"""Who owns the number of pods, and what an environment promises about it."""

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
