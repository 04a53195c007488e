"""The API server judges the corpus of good and bad resources as the models do.

tests/operator/test_corpus.py holds the models to the same files.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.operator.resources import resource
from tests.cluster.shell import CommandFailed, get, kubectl, run

ROOT = Path(__file__).parents[3]
CORPUS = ROOT / "tests" / "operator" / "corpus"


@pytest.fixture(scope="module")
def namespace(namespaces: Callable[[], str]) -> str:
    """An empty namespace of a cluster that knows the kinds."""
    folder = str(ROOT / "charts" / "kurs-operator" / "crds")
    run("kubectl", "apply", "--server-side", "--force-conflicts", "-f", folder)
    for plural in ("fxratesources", "riskthresholds"):
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

    taken = {name for name, refusal in judgements(namespace, "bad").items() if not refusal}

    # kubectl itself refuses one of them.
    assert taken == by_models - {"risk-generation-as-text"}


def limits(decline: int | None, ticket: str | None = None, currency: str = "USD") -> dict[str, Any]:
    bounds = {"currency": currency, "reviewAboveMinor": 1, "declineAboveMinor": decline}
    spec = {"perPayment": bounds if decline else None, "changeTicket": ticket}
    return resource("RiskThreshold", "loosened", spec)


@pytest.mark.parametrize(
    ("after", "allowed"),
    [
        (limits(2000, "CHG-1"), True),
        (limits(2001, "CHG-1"), False),
        (limits(2001, "CHG-2"), True),
        (limits(2001), False),
        (limits(1, "CHG-1"), True),
        (limits(9_223_372_036_854_775_807, "CHG-1"), False),
        (limits(9_223_372_036_854_775_807, "CHG-2"), True),
        (limits(None, "CHG-1"), False),
        (limits(None, "CHG-2"), True),
        (limits(1000, "CHG-1", "JPY"), False),
        (limits(1000, "CHG-2", "JPY"), True),
    ],
    ids=str,
)
def test_a_decline_limit_is_loosened_by_more_than_double_with_a_new_ticket_only(
    namespace: str, after: dict[str, Any], allowed: bool
) -> None:
    kubectl(namespace, "delete", "rth", "loosened", "--ignore-not-found")
    kubectl(namespace, "create", "-f", "-", stdin=yaml.safe_dump(limits(1000, "CHG-1")))

    refusal = pytest.raises(CommandFailed, match=r"spec\.changeTicket")
    with nullcontext() if allowed else refusal:
        kubectl(namespace, "replace", "--dry-run=server", "-f", "-", stdin=yaml.safe_dump(after))


def test_kubectl_shows_columns_and_finds_by_short_names_categories_and_fields(
    namespace: str,
) -> None:
    kubectl(namespace, "delete", "kurs", "--all")
    for stem in ("fx-static-smallest", "fx-simulated", "risk-shadow"):
        kubectl(namespace, "create", "-f", str(CORPUS / "good" / f"{stem}.yaml"))

    shown = kubectl(namespace, "get", "fxrs,rth")
    static = get(namespace, "fxrs", "--field-selector", "spec.type=Static")["items"]
    every = get(namespace, "payments")["items"]

    for column in ("READY", "REASON", "APPLIED", "LASTRATE", "MODE", "DECLINE"):
        assert column in shown
    assert [item["metadata"]["name"] for item in static] == ["fx-static-smallest"]
    assert len(every) == 3
    assert "hundredths of a percent" in kubectl(namespace, "explain", "fxrs.spec.pairs.spreadBps")
