"""Worlds of a few seeds: every promise holds, and the same seed is the same world."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.hunt import look_for
from simulation.mutants import MUTANTS

SEEDS = 2
SMALL = ("--payments", "30", "--troubles", "10")
OTHER_PYTHON = os.environ.get("OTHER_PYTHON")


def simulate(*arguments: str, python: str = sys.executable) -> "subprocess.CompletedProcess[str]":
    """Run the command as a person does; the order of sets is part of a world."""
    return subprocess.run(
        [python, "-m", "simulation", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=False,
    )


def test_every_promise_holds_whatever_goes_wrong() -> None:
    done = simulate("--seeds", str(SEEDS))

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{SEEDS} seeds, no promise broken" in done.stdout
    assert "payment CAPTURED" in done.stdout


def test_a_seed_is_one_world_whatever_ran_before() -> None:
    # The second of these has receivers of events.
    done = simulate("--twice", "--first", "2", "--seeds", "2", *SMALL)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("twice") == 2


@pytest.mark.skipif(not OTHER_PYTHON, reason="make simulate-pythons OTHER=python3.13 names one")
def test_a_seed_is_one_world_on_other_pythons(tmp_path: Path) -> None:
    assert OTHER_PYTHON
    logs = []
    for number, python in enumerate((sys.executable, OTHER_PYTHON)):
        log = tmp_path / f"{number}.jsonl"
        done = simulate("--seeds", "3", "--log", str(log), *SMALL, python=python)
        assert done.returncode == 0, done.stdout + done.stderr
        logs.append(log.read_text("utf-8"))

    assert logs[0].count("trace") == 3
    assert logs[0] == logs[1]


@pytest.mark.parametrize("name", ["a capture releases nothing"])
def test_a_fault_of_the_code_is_told_as_a_story(name: str) -> None:
    done = simulate("--mutant", name, "--seeds", "5", "--shrink", "1")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "breaks a promise" in done.stdout
    assert "make simulate SEED=" in done.stdout


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_has_a_place_in_the_code(name: str) -> None:
    spec = importlib.util.find_spec(MUTANTS[name].module)

    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).read_text("utf-8").count(MUTANTS[name].old) == 1


@pytest.mark.long
@pytest.mark.parametrize("name", MUTANTS)
def test_each_planted_fault_is_found(name: str) -> None:
    assert look_for(name, 200) is not None
