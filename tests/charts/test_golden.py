"""The whole output, as Kubernetes' own schemas and the committed copy know it.

A change of a chart shows in the diff of `golden/`; `make chart-schemas` writes it anew.
"""

import os
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from tests.charts.conftest import ENVIRONMENTS, SERVICES, Document, Render

GOLDEN = Path(__file__).parent / "golden"
_NOT_IN_CORE = ("monitoring.coreos.com", "gateway.networking.k8s.io", "kurs.dev", "apiextensions")
VARIANTS = {
    "sqlite": ",".join(
        f"{service}.database.kind=sqlite,{service}.autoscaling.enabled=false"
        for service in ("wallet", "payments", "risk", "webhooks")
    ),
    "faults": "wallet.faults.delaySeconds=1,risk.faults.errorRatio=0.5,fx.faults.unready=true",
    "route": "api-gateway.httpRoute.enabled=true,api-gateway.httpRoute.parentRefs[0].name=public",
    "digest": f"wallet.image.digest=sha256:{'0' * 64}",
    "extra": "fx.env[0].name=HTTPS_PROXY,fx.env[0].value=http://proxy:3128,"
    "fx.volumes[0].name=more,fx.volumes[0].emptyDir.sizeLimit=1Mi,"
    "fx.volumeMounts[0].name=more,fx.volumeMounts[0].mountPath=/more",
}
"""Values that turn on what the environments leave off, by what they are about."""


def without_secrets(documents: list[Document]) -> str:
    """Return the documents as text, with the random content of Secrets left out."""
    shown = [
        {**d, "data": dict.fromkeys(d["data"], "…")} if d["kind"] == "Secret" else d
        for d in documents
    ]
    ordered = sorted(shown, key=lambda d: (d["kind"], d["metadata"]["name"]))
    return yaml.safe_dump_all(ordered, allow_unicode=True, width=100)


def validate(documents: list[Document]) -> int:
    """Hold documents to the schemas of Kubernetes; return how many there were to hold."""
    core = [d for d in documents if not d["apiVersion"].startswith(_NOT_IN_CORE)]
    for document in core:
        kubernetes_validate.validate(document, "1.37", strict=True)
    return len(core)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_resource_is_one_that_kubernetes_knows(render: Render, environment: str) -> None:
    assert validate(render("kurs", environment)) > 20


@pytest.mark.parametrize("chart", [*SERVICES, "kurs-operator", "postgresql"])
def test_a_chart_alone_makes_what_kubernetes_knows(render: Render, chart: str) -> None:
    assert validate(render(chart)) >= 4


@pytest.mark.parametrize("name", VARIANTS)
def test_what_no_environment_turns_on_is_known_to_kubernetes_too(render: Render, name: str) -> None:
    assert validate(render("kurs", "staging", "--set", VARIANTS[name])) > 20


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_output_is_the_committed_one(render: Render, environment: str) -> None:
    file = GOLDEN / f"{environment}.yaml"
    text = without_secrets(render("kurs", environment))
    if os.environ.get("KURS_WRITE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(text)

    assert text == file.read_text(), "if the change is meant: make chart-schemas"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_everything_says_that_it_is_of_kurs(render: Render, environment: str) -> None:
    for document in render("kurs", environment):
        name = f"{document['kind']} {document['metadata']['name']}"
        assert document["metadata"]["labels"]["app.kubernetes.io/part-of"] == "kurs", name
