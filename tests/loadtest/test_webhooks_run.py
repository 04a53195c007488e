"""The measurement of webhooks for real and short: every good destination has its events."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_deliveries_are_measured_alone_and_beside_bad_destinations() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "loadtest.webhooks", "--json", "--destinations", "10"),
            *("--dead", "2", "--slow", "1", "--rate", "2", "--seconds", "1", "--rest", "0.1"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    alone, beside = json.loads(done.stdout).values()
    assert alone["delivered"] == 14
    assert alone["missing"] == beside["missing"] == 0
    assert beside["delivered"] > 0
    assert beside["cpu_ms"] > 0
