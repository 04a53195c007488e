"""Renders charts with the Helm that is there, Helm 3 and Helm 4 alike."""

import functools
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHARTS = ROOT / "charts"
SERVICES = ("api-gateway", "payments", "fx", "wallet", "risk", "webhooks")
ENVIRONMENTS = ("dev", "staging", "production")
_KUBERNETES = "1.37.0"

Document = dict[str, Any]
Render = Callable[..., list[Document]]


class Refused(Exception):
    """Helm rendered nothing; the text is what it said."""


@pytest.fixture(scope="session", params=["helm", "helm4"])
def helm(request: pytest.FixtureRequest) -> str:
    """The path of a Helm; tests that ask for it run with each."""
    path = shutil.which(request.param)
    if path is None:
        pytest.skip(
            f"{request.param} is not on PATH: get Helm 3.18 or newer (and Helm 4 as helm4) from "
            "https://helm.sh/docs/intro/install"
        )
    return path


@pytest.fixture(scope="session")
def render(helm: str) -> Render:
    """Render a chart, with the values of an environment and more arguments; raises Refused."""
    return functools.partial(_cached, helm)


def uncached(
    helm: str, chart: str = "kurs", environment: str = "", *arguments: str
) -> list[Document]:
    """Render a chart anew; raises Refused."""
    values = ["-f", str(ROOT / "k8s" / "environments" / f"{environment}.yaml")]
    done = subprocess.run(
        [
            *(helm, "template", "kurs", str(CHARTS / chart), "--kube-version", _KUBERNETES),
            *("--namespace", f"kurs-{environment or 'test'}"),
            *(values if environment else ()),
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refused(done.stderr[done.stderr.find("Error:") :])
    return [document for document in yaml.safe_load_all(done.stdout) if document]


_cached = functools.cache(uncached)


def of_kind(documents: list[Document], kind: str) -> dict[str, Document]:
    """Return the documents of a kind by name."""
    return {d["metadata"]["name"]: d for d in documents if d["kind"] == kind}


def pod_templates(documents: list[Document]) -> list[tuple[str, Document]]:
    """Return every pod that the documents make, as `kind name` and a pod's metadata and spec."""
    pods = []
    for document in documents:
        name = f"{document['kind']} {document['metadata']['name']}"
        if document["kind"] == "Pod":
            pods.append((name, document))
        elif document["kind"] in ("Deployment", "StatefulSet", "Job"):
            pods.append((name, document["spec"]["template"]))
    return pods
