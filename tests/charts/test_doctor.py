"""The doctor knows the tools' own ways of saying their version, and says what to do."""

from collections.abc import Sequence

import pytest

from kurs_charts.doctor import TOOLS, ToolCheck, examine, report

# What the real programs print.
GOOD = {
    "docker": "28.2.2\n",
    "kind": "kind v0.30.0 go1.24.6 linux/amd64\n",
    "kubectl": "Client Version: v1.34.1\nKustomize Version: v5.7.1\n",
    "helm": "v4.0.1+g12500dd\n",
    "skaffold": "v2.19.0\n",
    "k6": "k6 v1.8.1 (commit/abc, go1.25, linux/amd64)\n",
}


def said(answers: dict[str, str], **changed: str | None) -> list[ToolCheck]:
    texts: dict[str, str | None] = {**answers, **changed}

    def ask(command: Sequence[str]) -> str | None:
        return texts[command[0]]

    return examine(TOOLS, ask)


def problems(checks: list[ToolCheck]) -> dict[str, str]:
    return {f.tool.name: f.problem for f in checks if f.problem}


def test_all_is_well_with_new_tools() -> None:
    assert problems(said(GOOD)) == {}
    assert report(said(GOOD)).splitlines()[0] == "  ok       docker 28.2.2"


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_tool_is_named_with_its_source(name: str) -> None:
    checks = said(GOOD, **{name: None})
    assert problems(checks) == {name: "missing"}
    assert next(t.source for t in TOOLS if t.name == name) in report(checks)


@pytest.mark.parametrize(
    ("name", "text", "least"),
    [
        ("kind", "kind v0.23.0 go1.22\n", "0.24"),
        ("skaffold", "v2.18.4\n", "2.19"),
        ("helm", "v3.17.0+g301108e\n", "3.18"),
        ("k6", "k6 v0.57.0 (go1.23)\n", "1.0"),
    ],
)
def test_an_old_tool_is_told_what_it_takes(name: str, text: str, least: str) -> None:
    checks = said(GOOD, **{name: text})
    assert problems(checks) == {name: "old"}
    assert f"it takes {least} or newer" in report(checks)


def test_a_tool_that_says_nothing_is_not_taken_for_good() -> None:
    assert problems(said(GOOD, docker="")) == {"docker": "unclear"}
