"""Runs rules in promtool: made-up series in, which alerts fire at which minute out."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

_KNOWN = os.environ.get("KURS_PROMTOOL") or shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    not _KNOWN,
    reason="no promtool: install prometheus (Debian: apt install prometheus) or set KURS_PROMTOOL",
)


def promtool(*arguments: str, folder: Path) -> str:
    """Run promtool and return what it said; fails the test when it is not content."""
    assert _KNOWN is not None
    done = subprocess.run([_KNOWN, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def firing(alert: str, severity: str) -> str:
    """Return a query for 1 when the alert fires for the namespace `n`, else 0."""
    labels = f'alertname="{alert}",alertstate="firing",severity="{severity}",namespace="n"'
    return f"(count(ALERTS{{{labels}}}) > bool 0) or vector(0)"


def check(
    folder: Path,
    groups: Sequence[Mapping[str, Any]],
    series: Mapping[str, str],
    expected: Sequence[tuple[str, str, float]],
    *,
    step: str = "1m",
) -> None:
    """Hold groups of rules to `expected`: at a time (such as `10m`) a query gives a number.

    `series` are values in promtool's notation by series, one value a `step`; rules are evaluated
    at each step too.
    """
    # One group, since promtool evaluates several in no certain order.
    rules = [rule for group in groups for rule in group["rules"]]
    (folder / "rules.yaml").write_text(
        yaml.safe_dump({"groups": [{"name": "tested", "rules": rules}]})
    )
    document = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": step,
        "tests": [
            {
                "interval": step,
                "input_series": [{"series": k, "values": v} for k, v in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f"sum({query})",
                        "eval_time": at,
                        "exp_samples": [{"labels": "{}", "value": value}],
                    }
                    for at, query, value in expected
                ],
            }
        ],
    }
    (folder / "test.yaml").write_text(yaml.safe_dump(document))
    promtool("test", "rules", "test.yaml", folder=folder)
