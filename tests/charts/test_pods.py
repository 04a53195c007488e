"""What every pod keeps to, in every environment: the restricted profile and more."""

import pytest
from tests.charts.conftest import ENVIRONMENTS, SERVICES, Render, of_kind, pod_templates

from api_gateway.settings import GatewaySettings
from kurs.web.server import IN_FLIGHT_SECONDS

_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "secret", "projected", "downwardAPI"}
_SIZES = {"m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def size(quantity: object) -> float:
    """Return a Kubernetes quantity as a number."""
    text = str(quantity)
    for suffix, factor in _SIZES.items():
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * factor
    return float(text)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_pod_is_restricted(render: Render, environment: str) -> None:
    pods = pod_templates(render("kurs", environment))
    assert {"Deployment wallet", "Pod api-gateway-test"} <= {name for name, _ in pods}
    for name, pod in pods:
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False or "operator" in name, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            assert not spec.get(key), name
        for volume in spec.get("volumes", []):
            assert set(volume) - {"name"} <= _VOLUMES, f"{name}: {volume}"
        for container in spec.get("initContainers", []) + spec["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert security["readOnlyRootFilesystem"] is True, name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_container_says_what_it_needs(render: Render, environment: str) -> None:
    for name, pod in pod_templates(render("kurs", environment)):
        for container in pod["spec"]["containers"]:
            resources = container["resources"]
            assert size(resources["requests"]["cpu"]) > 0, name
            assert size(resources["requests"]["memory"]) > 0, name
            assert size(resources["limits"]["memory"]) > 0, name


def test_dev_fits_into_two_cpus_and_three_gibibytes(render: Render) -> None:
    requests = [
        container["resources"]["requests"]
        for _, pod in pod_templates(render("kurs", "dev"))
        for container in pod["spec"]["containers"]
    ]

    assert sum(size(r["cpu"]) for r in requests) <= 2
    assert sum(size(r["memory"]) for r in requests) <= 3 * 2**30


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_probes_ask_their_own_paths(render: Render, environment: str) -> None:
    deployments = of_kind(render("kurs", environment), "Deployment")
    for service in SERVICES:
        (container,) = deployments[service]["spec"]["template"]["spec"]["containers"]
        paths = [
            container[f"{probe}Probe"]["httpGet"]["path"]
            for probe in ("startup", "readiness", "liveness")
        ]
        ports = {
            container[f"{probe}Probe"]["httpGet"]["port"]
            for probe in ("startup", "readiness", "liveness")
        }
        assert paths == ["/healthz", "/readyz", "/healthz"]
        assert ports == {"operations"}
        assert [p["name"] for p in container["ports"]] == ["http", "operations"]
        variables = {e["name"]: e.get("value") for e in container["env"]}
        assert variables["KURS_OPERATIONS_PORT"] == str(container["ports"][1]["containerPort"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_pod_has_time_to_finish_what_is_in_flight(render: Render, environment: str) -> None:
    assert GatewaySettings.model_fields["request_seconds"].default < IN_FLIGHT_SECONDS
    deployments = of_kind(render("kurs", environment), "Deployment")
    for service in SERVICES:
        spec = deployments[service]["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        sleep = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        env = {e["name"]: e.get("value") for e in container["env"]}
        drain = float(env["KURS_DRAIN_SECONDS"])
        assert spec["terminationGracePeriodSeconds"] > sleep + drain + IN_FLIGHT_SECONDS


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_secret_is_readable_in_a_deployment(render: Render, environment: str) -> None:
    for name, pod in pod_templates(render("kurs", environment)):
        for container in pod["spec"]["containers"]:
            for variable in container.get("env", []):
                secret = any(word in variable["name"] for word in ("PASSWORD", "DATABASE_URL"))
                named = "valueFrom" in variable or variable["name"].endswith("_FILE")
                assert not secret or named, f"{name}: {variable['name']}"


@pytest.mark.parametrize("chart", [*SERVICES, "kurs-operator"])
def test_a_pod_goes_where_it_is_told_with_the_variables_that_it_is_given(
    render: Render, chart: str
) -> None:
    told = "nodeSelector.disk=ssd,tolerations[0].key=spot,priorityClassName=high"
    affinity = '{"podAffinity": {}}'
    arguments = ("--set", f"{told},env[0].name=HTTPS_PROXY", "--set-json", f"affinity={affinity}")
    spec = of_kind(render(chart, "", *arguments), "Deployment")[chart]["spec"]["template"]["spec"]
    (container,) = spec["containers"]

    assert spec["nodeSelector"] == {"disk": "ssd"}
    assert spec["tolerations"] == [{"key": "spot"}]
    assert spec["priorityClassName"] == "high"
    assert spec["affinity"] == {"podAffinity": {}}
    assert container["env"][-1] == {"name": "HTTPS_PROXY"}
