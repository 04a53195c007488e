"""Worlds of a few seeds: every promise holds, and the same seed is the same world."""

import os
import subprocess
import sys

import pytest

from simulation.mutants import MUTANTS

SEEDS = 2


def simulate(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command as a person does; the order of sets is part of a world."""
    return subprocess.run(
        [sys.executable, "-m", "simulation", *arguments],
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
    alone, again = (simulate("--seed", "2").stdout.splitlines()[-1] for _ in range(2))

    assert alone.startswith("trace ")
    assert again == alone


@pytest.mark.parametrize("name", ["a debit is not held to the balance"])
def test_a_fault_of_the_code_is_told_as_a_story(name: str) -> None:
    assert name in MUTANTS

    done = simulate("--mutant", name, "--seeds", "50", "--no-shrink")

    assert done.returncode == 1, done.stdout + done.stderr
    assert "breaks a promise" in done.stdout
    assert "make simulate SEED=" in done.stdout
