"""The API server judges the corpus of good and bad resources as the models do.

tests/operator/test_corpus.py holds the models to the same files.
"""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml
from tests.cluster.shell import CommandFailed, get, kubectl, run

ROOT = Path(__file__).parents[3]
CORPUS = ROOT / "tests" / "operator" / "corpus"


@pytest.fixture(scope="module")
def namespace(namespaces: Callable[[], str]) -> str:
    """An empty namespace of a cluster that knows the kinds."""
    folder = str(ROOT / "charts" / "kurs-operator" / "crds")
    run("kubectl", "apply", "--server-side", "--force-conflicts", "-f", folder)
    for plural in ("fxratesources", "riskthresholds", "eventdestinations"):
        run("kubectl", "wait", "--for=condition=Established", f"crd/{plural}.kurs.dev")
    return namespaces()


def judge(namespace: str, file: Path) -> str:
    """Return why the API server refuses a file, or nothing when it takes it."""
    [content] = list(yaml.load_all(file.read_text("utf-8"), yaml.BaseLoader))
    own = (content.get("metadata") or {}).get("namespace", namespace)
    try:
        # Not stored: a dry run passes every check of a real one.
        kubectl(own, "create", "--dry-run=server", "-f", str(file))
    except CommandFailed as error:
        return str(error)
    return ""


def judgements(namespace: str, folder: str) -> dict[str, str]:
    files = sorted((CORPUS / folder).iterdir())
    with ThreadPoolExecutor(4) as pool:
        refusals = list(pool.map(lambda file: judge(namespace, file), files))
    return {file.stem: refusal for file, refusal in zip(files, refusals, strict=True)}


def test_every_good_resource_is_taken(namespace: str) -> None:
    # One names a namespace of its own, which is not there.
    refused = {
        n: r for n, r in judgements(namespace, "good").items() if r and "namespaced" not in n
    }

    assert refused == {}


def test_every_bad_resource_is_refused_but_those_that_only_the_models_can_judge(
    namespace: str,
) -> None:
    by_models = {
        file.stem
        for file in (CORPUS / "bad").iterdir()
        if "# judged by: models" in file.read_text()
    }

    found = judgements(namespace, "bad")

    # kubectl itself refuses one of them.
    taken = {name for name, refusal in found.items() if not refusal}
    assert taken == by_models - {"risk-generation-as-text"}
    # What is wrong is said once, and by no rule that could not be asked.
    assert {name: refusal for name, refusal in found.items() if "evaluating rule" in refusal} == {}


@pytest.mark.parametrize("file", sorted((CORPUS / "edits").glob("*/*")), ids=lambda f: f.stem)
def test_an_edit_is_judged_by_what_stood_before(namespace: str, file: Path) -> None:
    before, after = file.read_text().split("---\n")
    kubectl(namespace, "create", "-f", "-", stdin=before)
    field = re.match("# field: (.*)", before)

    refusal = pytest.raises(CommandFailed, match=re.escape(field[1])) if field else nullcontext()
    with refusal:
        kubectl(namespace, "replace", "--dry-run=server", "-f", "-", stdin=after)


def test_kubectl_shows_columns_and_finds_by_short_names_categories_and_fields(
    namespace: str,
) -> None:
    kubectl(namespace, "delete", "kurs", "--all")
    for stem in ("fx-static-smallest", "fx-simulated", "risk-shadow", "evd-smallest"):
        kubectl(namespace, "create", "-f", str(CORPUS / "good" / f"{stem}.yaml"))

    shown = kubectl(namespace, "get", "fxrs,rth,evd")
    static = get(namespace, "fxrs", "--field-selector", "spec.type=Static")["items"]
    every = get(namespace, "payments")["items"]

    for column in (
        "PRIORITY",
        "READY",
        "REASON",
        "APPLIED",
        "LASTRATE",
        "MODE",
        "CURRENCY",
        "DECLINE",
        "MERCHANT",
        "DELIVERED",
        "WAITING",
        "OLDEST",
    ):
        assert column in shown
    assert [item["metadata"]["name"] for item in static] == ["fx-static-smallest"]
    assert len(every) == 4
    assert "hundredths of a percent" in kubectl(namespace, "explain", "fxrs.spec.pairs.spreadBps")
