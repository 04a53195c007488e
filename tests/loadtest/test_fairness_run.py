"""The measurement of fairness for real and short: every flood runs, and figures come out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.fairness.measure import FLOODS

pytestmark = pytest.mark.crash
ROOT = Path(__file__).parents[2]


def test_every_flood_is_measured_and_answered() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "loadtest.fairness", "--json"),
            *("--turns", "1", "--seconds", "1", "--warm-up", "0.5"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    cases = {case["flood"]: case for case in json.loads(done.stdout)}
    assert cases.keys() == FLOODS.keys()
    for case in cases.values():
        assert case["payments"] > 0
        assert case["ratio"] > 0
    assert "401" in cases["strangers"]["flood_answers_per_second"]
    assert "429" in cases["streams"]["flood_answers_per_second"]
