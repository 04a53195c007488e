"""The whole output, as Kubernetes' own schemas and the committed copy know it.

A change of a chart shows in the diff of `golden/`; `make chart-schemas` writes it anew.
"""

import os
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from tests.charts.conftest import ENVIRONMENTS, Document, Render

GOLDEN = Path(__file__).parent / "golden"
_NOT_IN_CORE = ("monitoring.coreos.com", "gateway.networking.k8s.io", "kurs.dev", "apiextensions")


def without_secrets(documents: list[Document]) -> str:
    """Return the documents as text, with the random content of Secrets left out."""
    shown = [
        {**d, "data": dict.fromkeys(d["data"], "…")} if d["kind"] == "Secret" else d
        for d in documents
    ]
    ordered = sorted(shown, key=lambda d: (d["kind"], d["metadata"]["name"]))
    return yaml.safe_dump_all(ordered, allow_unicode=True, width=100)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_resource_is_one_that_kubernetes_knows(render: Render, environment: str) -> None:
    checked = 0
    for document in render("kurs", environment):
        if not document["apiVersion"].startswith(_NOT_IN_CORE):
            kubernetes_validate.validate(document, "1.37", strict=True)
            checked += 1

    assert checked > 20


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
