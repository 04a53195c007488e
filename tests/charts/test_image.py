"""The recipe of the images: one for all, with nothing in the last stage that only builds."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.charts.conftest import ROOT, SERVICES

DOCKERFILE = (ROOT / "Dockerfile").read_text()
LAST_STAGE = DOCKERFILE.rsplit("\nFROM ", 1)[1]
DEPLOYABLES = (*SERVICES, "operator")
SOURCES = {name: f"services/{name}" for name in SERVICES} | {"operator": "operator"}


def test_every_image_is_made_by_one_recipe_that_takes_the_folder() -> None:
    recipes = [p for p in ROOT.glob("**/Dockerfile") if ".venv" not in p.parts]

    assert set(recipes) - {ROOT / "tests" / "Dockerfile"} == {ROOT / "Dockerfile"}
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    arguments = {line.split()[1].split("=")[0] for line in lines if line.startswith("ARG ")}
    # A version is no difference between them: all of a release have the same.
    assert arguments == {"SOURCE", "VERSION", "BASE"}
    recipe = "\n".join(line for line in lines if not line.startswith("ARG SOURCE"))
    assert not re.findall(rf"\b({'|'.join(DEPLOYABLES)})\b", recipe), "no case of one of them"


def test_every_stage_begins_with_an_image_named_by_its_digest() -> None:
    for path in (ROOT / "Dockerfile", ROOT / "tests" / "Dockerfile"):
        recipe = path.read_text()
        (base,) = re.findall(r"^ARG BASE=(.*)$", recipe, re.M)
        assert re.fullmatch(r"python:3\.13-slim@sha256:[0-9a-f]{64}", base)
        assert {line.split()[1] for line in recipe.splitlines() if line.startswith("FROM ")} == {
            "${BASE}"
        }


def test_every_image_installs_locked_and_hashed_requirements() -> None:
    installs = re.findall(r"\bpip install .*", DOCKERFILE)
    assert len(installs) == 3
    # Our own packages are in the context; what builds them is held to hashes, too.
    assert all("--require-hashes" in i or "--build-constraints" in i for i in installs)
    for name in (*SOURCES.values(), "build"):
        lock = (ROOT / "requirements" / f"{name}.txt").read_text()
        assert "--hash=sha256:" in lock


def test_what_has_no_database_ships_no_driver() -> None:
    for name in ("api-gateway", "fx", "operator"):
        lock = (ROOT / "requirements" / f"{SOURCES[name]}.txt").read_text()
        assert not re.findall(r"^(?:sqlalchemy|alembic|asyncpg)\b", lock, re.M)


def test_the_last_stage_builds_nothing() -> None:
    assert not re.findall(r"^(RUN|ADD)\b", LAST_STAGE, re.M)
    assert re.findall(r"^COPY .*$", LAST_STAGE, re.M) == [
        "COPY --from=build /opt/kurs /opt/kurs",
    ]


def test_an_image_runs_as_a_numbered_user_and_receives_signals_itself() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", LAST_STAGE, re.M)
    (entrypoint,) = re.findall(r"^ENTRYPOINT (.*)$", LAST_STAGE, re.M)

    assert int(user) > 0
    assert json.loads(entrypoint)[0] == "python"


def test_what_an_image_runs_is_ended_by_sigterm_while_it_imports(tmp_path: Path) -> None:
    """Else the first process of a container would not be; others would by the signal itself."""
    (written,) = re.findall(r"^    (printf (?:.*\\\n)*.*) > /opt/kurs/service$", DOCKERFILE, re.M)
    variables = {**os.environ, "package": "slow", "PYTHONPATH": str(tmp_path)}
    entry = subprocess.run(["sh", "-c", written], env=variables, capture_output=True, check=True)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "slow.py").write_text(f"open({str(tmp_path / 'pipe')!r}).read()")

    command = [sys.executable, "-c", entry.stdout.decode()]
    with subprocess.Popen(command, env=variables) as process, (tmp_path / "pipe").open("w"):
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 128 + signal.SIGTERM


def test_the_context_is_named_piece_by_piece() -> None:
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]

    assert rules[0] == "*"
    assert {r[1:] for r in rules if r.startswith("!")} == {
        "requirements/*.txt",
        "requirements/services/*.txt",
        "libs/kurs",
        "services",
        "operator",
    }
