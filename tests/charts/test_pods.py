"""What every pod keeps to, in every environment: the restricted profile and more."""

import json

import pytest
from tests.charts.conftest import ENVIRONMENTS, SERVICES, Render, of_kind, pod_templates

from api_gateway.settings import GatewaySettings
from kurs.web.serving.draining import IN_FLIGHT_SECONDS

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
        for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]:
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


PLACED = {
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "affinity": {"podAffinity": {}},
    "priorityClassName": "high",
    "podLabels": {"sidecar.istio.io/inject": "false"},
    "podAnnotations": {"example.com/owner": "payments"},
}
GIVEN = {
    "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "volumes": [{"name": "authority", "configMap": {"name": "authority"}}],
    "volumeMounts": [{"name": "authority", "mountPath": "/authority"}],
}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_pod_goes_where_it_is_told_and_carries_what_it_is_given(
    render: Render, environment: str
) -> None:
    told = {"kurs-operator": PLACED, "postgresql": PLACED}
    told |= dict.fromkeys(SERVICES, PLACED | GIVEN)
    arguments = [f"--set-json={chart}={json.dumps(values)}" for chart, values in told.items()]
    for name, pod in pod_templates(render("kurs", environment, *arguments)):
        spec, metadata = pod["spec"], pod["metadata"]
        for key in ("nodeSelector", "tolerations", "affinity", "priorityClassName"):
            assert spec[key] == PLACED[key], name
        assert metadata["labels"].items() >= {"sidecar.istio.io/inject": "false"}.items(), name
        assert metadata["annotations"]["example.com/owner"] == "payments", name
        assert metadata["labels"]["app.kubernetes.io/part-of"] == "kurs"
        if "kurs-operator" in name or "postgresql" in name:
            continue
        assert GIVEN["volumes"][0] in spec["volumes"], name
        for container in spec.get("initContainers", []) + spec["containers"]:
            assert GIVEN["env"][0] in container["env"], name
            assert GIVEN["volumeMounts"][0] in container["volumeMounts"], name


def test_labels_of_ours_are_no_person_s_to_change(render: Render) -> None:
    (pod,) = [
        pod
        for name, pod in pod_templates(
            render("wallet", "", "--set-json", 'podLabels={"app.kubernetes.io/name": "other"}')
        )
        if name == "Deployment wallet"
    ]

    assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == "wallet"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_everything_carries_the_labels_of_the_installation(
    render: Render, environment: str
) -> None:
    documents = render("kurs", environment, "--set", "global.commonLabels.team=payments")
    for document in documents:
        name = f"{document['kind']} {document['metadata']['name']}"
        assert document["metadata"]["labels"]["team"] == "payments", name
    for name, pod in pod_templates(documents):
        assert pod["metadata"]["labels"]["team"] == "payments", name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_users_are_left_to_the_cluster_where_it_gives_them(
    render: Render, environment: str
) -> None:
    for name, pod in pod_templates(render("kurs", environment, "--set", "global.fixedIds=false")):
        security = pod["spec"]["securityContext"]
        assert not security.keys() & {"runAsUser", "runAsGroup", "fsGroup"}, name
        assert security["runAsNonRoot"] is True, name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_quota_on_limits_can_be_met(render: Render, environment: str) -> None:
    limits = json.dumps({"resources": {"limits": {"cpu": "1"}}})
    charts = (*SERVICES, "kurs-operator", "postgresql", "global.jobs")
    arguments = [f"--set-json={chart}={limits}" for chart in charts]
    for name, pod in pod_templates(render("kurs", environment, *arguments)):
        for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]:
            assert container["resources"]["limits"].keys() == {"cpu", "memory"}, name
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}, name


def test_scratch_holds_no_pod_on_its_node(render: Render) -> None:
    key = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
    for name, pod in pod_templates(render("kurs", "dev")):
        scratch = [v["name"] for v in pod["spec"]["volumes"] if "emptyDir" in v]
        if name.startswith(("Deployment", "StatefulSet")):
            assert pod["metadata"]["annotations"][key] == ",".join(scratch), name


@pytest.mark.parametrize("chart", SERVICES)
def test_an_account_of_one_s_own_is_that_of_every_pod(render: Render, chart: str) -> None:
    chosen = "serviceAccount.create=false,serviceAccount.name=ours,database.kind=none"
    if chart in ("wallet", "payments", "risk", "webhooks"):
        chosen = chosen.replace("none", "postgresql")
    documents = render(chart, "", "--set", chosen)

    assert not of_kind(documents, "ServiceAccount")
    for name, pod in pod_templates(documents):
        assert pod["spec"]["serviceAccountName"] == "ours", name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_process_listens_on_addresses_of_both_families(
    render: Render, environment: str
) -> None:
    for name, pod in pod_templates(render("kurs", environment)):
        if name.startswith("Deployment"):
            (container,) = pod["spec"]["containers"]
            assert {"name": "KURS_HOST", "value": ""} in container["env"], name
