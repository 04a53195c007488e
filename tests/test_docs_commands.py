"""What the docs tell one to type outside a cluster is typed here: keys, documents, and make."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.test_readme import ROOT, blocks, commands, without_comments

HERE = ("python -m api_gateway.keys", "python -m kurs_operator.local", "openssl ")
"""How commands begin that need no cluster and end by themselves."""
# An id of a key that the page made up.
_ID = re.compile(r"--id [0-9a-f]{12}")


def lines(block: str) -> list[str]:
    return without_comments(block).replace("\\\n", " ").splitlines()


def runnable() -> list[str]:
    return [
        line
        for name, block in blocks()
        if name.startswith("docs/operations.md")
        for line in lines(block)
        if line.startswith(HERE)
    ]


def test_commands_of_operations_do_what_they_say(tmp_path: Path) -> None:
    (tmp_path / "k8s").symlink_to(ROOT / "k8s")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    said = ""
    for line in runnable():
        known = re.findall(r"\b[0-9a-f]{12}\b", said)
        command = _ID.sub(lambda _, found=known: f"--id {found[0]}", line)  # type: ignore[misc]
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        said += done.stdout + done.stderr
    assert (tmp_path / "var/config/fx/config.json").exists()
    assert len(runnable()) >= 6


def made() -> list[str]:
    # What stands behind the target is passed on; of two commands in a line each is one.
    found = [
        part.strip()
        for _, block in blocks()
        for line in commands(block)
        for part in line.split("&&")
        if part.strip().startswith("make ")
    ]
    return sorted({command.removesuffix(";").rstrip() for command in found})


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not on PATH: Debian's make")
def test_make_knows_what_it_is_told() -> None:
    for command in made():
        plain = command.replace("make ", "make -n -o .venv/.ready ", 1)
        done = subprocess.run(
            ["bash", "-c", plain], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
