"""Renders the rules: `python -m kurs_observability.rules [FOLDER] [--shorten N]`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from kurs_observability.alerts import GROUPS
from kurs_observability.slo import load_slos, slo_groups

_CHARTS = Path(__file__).resolve().parents[3] / "charts"
FOLDER = _CHARTS / "kurs-observability" / "files" / "rules"
OPERATOR_FILE = _CHARTS / "kurs-operator" / "files" / "alerts.yaml"
"""For an operator in a cluster that has no charts/kurs-observability."""
_HEAD = "# Written from observability/ by `make observability`.\n"


def alert_groups(shorten: float = 1) -> list[dict[str, Any]]:
    """Return the groups of the alerts beside the burn rates; `shorten` divides their waits."""
    groups = []
    for name, alerts in GROUPS.items():
        rules = [alert.rule() for alert in alerts]
        for rule in rules:
            rule["for"] = f"{round(int(rule['for'][:-1]) * 60 / shorten)}s"
        groups.append({"name": name, "rules": rules})
    return groups


def render(shorten: float = 1) -> dict[str, str]:
    """Return the text of every file of rules, by file name."""
    return {
        "slos.yaml": _dump(slo_groups(load_slos(), shorten)),
        "alerts.yaml": _dump(alert_groups(shorten)),
    }


def render_operator() -> str:
    """Return the text of the file of the operator's own chart."""
    return _dump([group for group in alert_groups() if group["name"] == "kurs-configuration"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--shorten", type=float, default=1, help="divide windows and waits by this")
    chosen = parser.parse_args(arguments)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for name, text in render(chosen.shorten).items():
        (chosen.folder / name).write_text(text, "utf-8")
    if chosen.folder == FOLDER:
        OPERATOR_FILE.write_text(render_operator(), "utf-8")


def _dump(groups: list[dict[str, Any]]) -> str:
    return _HEAD + yaml.safe_dump({"groups": groups}, sort_keys=False, width=1000)


if __name__ == "__main__":
    main()
