"""Workflows and hooks: pinned, bounded, with few powers, and made of local targets."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
JOBS = [
    pytest.param(job, id=f"{file.stem}-{name}")
    for file in FILES
    for name, job in yaml.safe_load(file.read_text("utf-8"))["jobs"].items()
]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_actions_are_named_by_commit_and_say_their_version(file: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", file.read_text("utf-8"))

    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_workflow_gives_no_powers_and_does_not_pile_up(file: Path) -> None:
    workflow = yaml.safe_load(file.read_text("utf-8"))

    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["group"]


@pytest.mark.parametrize("job", JOBS)
def test_a_job_ends_in_time_and_writes_only_what_it_makes(job: dict[str, Any]) -> None:
    writes = {power for power, extent in job["permissions"].items() if extent == "write"}
    runs = "\n".join(str(step.get("run", "")) for step in job["steps"])

    assert job["timeout-minutes"] <= 90
    assert not writes or writes == {"contents", "pull-requests"}
    # Code of a new release never runs beside a token that writes.
    assert not writes or not re.search(r"^make ", runs, re.MULTILINE)


def called(runs: Iterable[str]) -> set[str]:
    """Return the targets that shell lines make."""
    return set(re.findall(r"\bmake ([a-z][a-z-]*)", "\n".join(runs)))


def run_by(files: Iterable[Path]) -> list[str]:
    """Return the shell lines of every job of workflows."""
    return [
        step.get("run", "")
        for file in files
        for job in yaml.safe_load(file.read_text("utf-8"))["jobs"].values()
        for step in job["steps"]
    ]


def test_what_they_call_is_there() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    entries = [hook["entry"] for repo in hooks["repos"] for hook in repo["hooks"]]

    targets = called([*entries, *run_by(FILES)])

    assert {"check", "ci", "images", "test"} <= targets
    assert targets <= TARGETS


def test_the_host_runs_what_a_change_has_to_pass_and_each_gate_of_coverage() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (before, recipe) = re.findall(r"^ci: ([a-z -]+) ##.*\n\t(.*)$", makefile, re.MULTILINE)[0]
    passes = {*before.split(), *re.findall(r"\$\(MAKE\) .*?\b(test)\b", recipe)}

    assert {"check", "test", "test-domains"} <= passes
    runs = called(run_by([ROOT / ".github" / "workflows" / "ci.yml"]))
    assert passes | {"coverage"} <= runs


def test_what_is_marked_as_generated_is_there() -> None:
    lines = (ROOT / ".gitattributes").read_text("utf-8").splitlines()
    marked = [line.split()[0] for line in lines if line.endswith("linguist-generated")]

    assert len(marked) > 5
    assert len(marked) == len(set(marked))
    for pattern in marked:
        found = subprocess.run(
            ["git", "ls-files", f":(glob){pattern}"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert found, pattern
