"""Rendered without a cluster, by tools that apply it: twice the same, nothing made up."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.charts.conftest import ENVIRONMENTS, ROOT, Document, Render, of_kind, uncached

from kurs.config.resources import API_VERSION, KINDS
from kurs_operator.conditions import Progress

GITOPS = ("-f", str(ROOT / "k8s" / "environments" / "gitops.yaml"))
FOLDER = ROOT / "k8s" / "gitops"
UNDER_WAY = (Progress.PROPAGATING, Progress.PENDING, Progress.NO_PODS)
needs_lua = pytest.mark.skipif(
    not shutil.which("lua"), reason="lua is not on PATH: Debian's lua5.4"
)


def loaded(name: str) -> list[Any]:
    """Return the documents of a file for a GitOps tool."""
    return list(yaml.safe_load_all((FOLDER / name).read_text("utf-8")))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_two_renders_are_the_same(helm: str, environment: str) -> None:
    first, second = (uncached(helm, "kurs", environment, *GITOPS) for _ in range(2))

    assert first == second
    assert not of_kind(first, "Secret")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_without_it_only_secrets_differ(helm: str, environment: str) -> None:
    def others() -> list[Document]:
        return [d for d in uncached(helm, "kurs", environment) if d["kind"] != "Secret"]

    assert others() == others()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_hook_needs_what_a_first_sync_has_not(render: Render, environment: str) -> None:
    jobs = of_kind(render("kurs", environment, *GITOPS), "Job")

    assert not [name for name in jobs if "operator" in name]


def test_the_job_of_the_definitions_may_create_them(render: Render) -> None:
    role = of_kind(render("kurs", "staging"), "ClusterRole")["kurs-operator-prepare-kurs-staging"]
    verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}

    assert verbs == {"get", "patch", "create"}


def test_all_kinds_have_a_health_check_in_both_tools() -> None:
    (argo,) = loaded("argocd-health.yaml")
    flux = next(d for d in loaded("flux.yaml") if d["kind"] == "Kustomization")["spec"]

    group = API_VERSION.split("/")[0]
    assert set(argo["data"]) == {f"resource.customizations.health.{group}_{kind}" for kind in KINDS}
    assert {(e["apiVersion"], e["kind"]) for e in flux["healthCheckExprs"]} == {
        (API_VERSION, kind) for kind in KINDS
    }


def test_they_know_the_reasons_of_what_is_under_way() -> None:
    (argo,) = loaded("argocd-health.yaml")
    flux = next(d for d in loaded("flux.yaml") if d["kind"] == "Kustomization")["spec"]
    for reason in UNDER_WAY:
        assert all(f"{reason} = true" in text for text in argo["data"].values())
        assert all(f"'{reason}'" in e["failed"] for e in flux["healthCheckExprs"])


@needs_lua
@pytest.mark.parametrize(
    ("status", "reason", "generation", "health"),
    [
        ("True", "InForce", 2, "Healthy"),
        ("True", "Suspended", 2, "Healthy"),
        ("False", "Suspended", 2, "Suspended"),
        ("False", "Propagating", 2, "Progressing"),
        ("False", "Unhealthy", 2, "Degraded"),
        ("True", "InForce", 1, "Progressing"),
    ],
)
def test_argo_cd_says_what_the_operator_says(
    tmp_path: Path, status: str, reason: str, generation: int, health: str
) -> None:
    (argo,) = loaded("argocd-health.yaml")
    script = next(iter(argo["data"].values()))
    condition = f'{{type = "Ready", status = "{status}", reason = "{reason}", message = "m"}}'
    seen = f"{{observedGeneration = {generation}, conditions = {{{condition}}}}}"
    file = tmp_path / "health.lua"
    file.write_text(
        f"local function judge(obj)\n{script}\nend\n"
        f"print(judge({{metadata = {{generation = 2}}, status = {seen}}}).status)\n"
    )

    said = subprocess.run(["lua", str(file)], capture_output=True, text=True, check=True)

    assert said.stdout.strip() == health
