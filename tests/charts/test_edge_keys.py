"""Each edge has a key of its own, at its two ends alone, and no secret is in an environment."""

import base64

import pytest
from tests.charts.conftest import ENVIRONMENTS, Document, Render, of_kind, pod_templates

from kurs.edges import EDGES
from kurs.edges.keys import file_name, read_keys

NAMES = {file_name(edge) for edge in EDGES}


def mounted(pod: Document) -> dict[str, str]:
    """Return the Secrets that a pod has as its folder of edge keys, by the file of each."""
    volumes = [v for v in pod["spec"]["volumes"] if v["name"] == "edge-keys"]
    return {
        item["path"]: source["secret"]["name"]
        for volume in volumes
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
        if item["key"] == "keys"
    }


def test_every_edge_gets_a_key_that_services_take(render: Render) -> None:
    secrets = of_kind(render("kurs", "dev"), "Secret")
    found = {
        name.removeprefix("kurs-edge-"): base64.b64decode(secret["data"]["keys"])
        for name, secret in secrets.items()
        if name.startswith("kurs-edge-")
    }

    assert set(found) == NAMES
    assert len({read_keys(key) for key in found.values()}) == len(NAMES)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_key_is_at_the_two_ends_of_its_edge_alone(render: Render, environment: str) -> None:
    pods = pod_templates(render("kurs", environment))
    ends = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]: mounted(pod)
        for name, pod in pods
        if name.startswith("Deployment ")
    }

    for component, files in ends.items():
        own = {file_name(edge) for edge in EDGES if component in edge}
        assert files == {name: f"kurs-edge-{name}" for name in own}
    assert set().union(*ends.values()) == NAMES
    others = [pod for name, pod in pods if not name.startswith("Deployment ")]
    assert not any("kurs-edge" in str(pod) for pod in others)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_production_makes_none_and_the_others_keep_theirs(render: Render, environment: str) -> None:
    secrets = of_kind(render("kurs", environment), "Secret")
    made = [name for name in secrets if name.startswith("kurs-edge-")]

    assert len(made) == (0 if environment == "production" else len(NAMES))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_secret_is_in_the_environment_of_a_service(render: Render, environment: str) -> None:
    for name, pod in pod_templates(render("kurs", environment)):
        # The one is a test that a person starts, the other the database's own server.
        if name in ("Pod api-gateway-test", "StatefulSet postgresql"):
            continue
        for container in pod["spec"]["containers"]:
            for variable in container.get("env", []):
                assert "secretKeyRef" not in variable.get("valueFrom", {}), (name, variable)


@pytest.mark.parametrize("chart", ["payments", "wallet", "risk", "webhooks"])
def test_a_database_url_is_read_from_a_mounted_file(render: Render, chart: str) -> None:
    for name, pod in pod_templates(render(chart)):
        if not name.endswith(("-test",)):
            (container,) = pod["spec"]["containers"]
            url = {v["name"]: v.get("value") for v in container["env"]}["KURS_DATABASE_URL_FILE"]
            folders = {m["mountPath"] for m in container["volumeMounts"] if m.get("readOnly")}
            assert url.rpartition("/")[0] in folders, name
