"""A TypeScript client, generated from the document, compiles strictly; it pays and pages."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from devstack.stack import Stack

PROJECT = Path(__file__).parent / "typescript"
NODE, NPM = shutil.which("node"), shutil.which("npm")

pytestmark = pytest.mark.skipif(
    not NODE or not NPM,
    reason="node or npm is not on PATH: Debian's nodejs and npm, or https://nodejs.org",
)


def run(folder: Path, *command: str, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **(environment or {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(document_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("typescript")
    shutil.copytree(PROJECT, folder, dirs_exist_ok=True)
    install = [NPM or "", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install: {done.stderr.strip().splitlines()[-1:]}")
    options = ("--default-non-nullable=false", "-o", "kurs.d.ts")
    run(folder, "node_modules/.bin/openapi-typescript", str(document_file), *options)
    return folder


def test_it_pays_is_refused_refunds_and_pages(project: Path, gateway: Stack) -> None:
    run(project, "node_modules/.bin/tsc")
    environment = {"GATEWAY": gateway.url("api-gateway"), "KEY": gateway.api_key()}
    told = json.loads(run(project, NODE or "", "built/pay.js", environment=environment))
    assert told == {
        "paid": "CAPTURED",
        "refused": "insufficient_funds",
        "wrong": "amount",
        "refunded": ["SUCCEEDED", "2.50"],
        "seen": ["ts-1", "ts-2"],
    }
