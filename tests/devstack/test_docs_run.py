"""The blocks of README and of "Kill this and watch" run as they are written, without a cluster."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.test_readme import ROOT, blocks, without_comments

from devstack.stack import Stack

pytestmark = pytest.mark.crash
PAGES = ("README.md", "docs/kill-this.md")
NOT_HERE = {
    "make demo": "runs in test_commands.py",
    "make dev": "runs in test_commands.py",
    "make doctor": "needs a cluster",
    "mkdir -p var": "needs a cluster",
}
"""How blocks begin that are not run here, and why."""
SECONDS = 300


def here() -> list[tuple[str, str]]:
    of_pages = [
        (n, b) for page in PAGES for n, b in blocks() if n.rpartition("-")[0] == page
    ]  # fmt: skip
    return [(n, b) for n, b in of_pages if not without_comments(b).startswith(tuple(NOT_HERE))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Stack]]:
    """A folder that looks like the checkout, whose `var` is that of a running gateway."""
    root = tmp_path_factory.mktemp("checkout")
    (root / ".venv").symlink_to(ROOT / ".venv")
    with Stack(folder=root / "var") as stack:
        yield root, stack


def run(root: Path, stack: Stack, block: str) -> str:
    gateway = stack.url("api-gateway")
    for written, meant in (
        ("localhost:8080", gateway.removeprefix("http://")),
        (".venv/bin/replay ", f".venv/bin/replay --gateway {gateway} "),
        ("-n 2000", "-n 40"),
    ):
        block = block.replace(written, meant)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=root, capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_something_to_run() -> None:
    assert len(here()) >= 4


def test_every_block_does_what_it_says(folder: tuple[Path, Stack]) -> None:
    said = {name: run(*folder, block) for name, block in here()}
    everything = "".join(said.values())
    assert '"code":' not in everything, everything
    assert "idempotent-replayed: true" in everything
    assert '"status":"SUCCEEDED"' in everything
    assert " 200\n" in everything
    assert '"available":"499.00"' in said["docs/kill-this.md-1"]
    assert "insufficient_funds" in everything
