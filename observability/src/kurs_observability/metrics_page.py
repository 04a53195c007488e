"""Writes docs/metrics.md from the code: `python -m kurs_observability.metrics_page [--check]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kurs_observability.catalogue import EVERY_PROCESS, Described, describe

PAGE = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"
_HEAD = """\
# Metrics

Written from the code by `make observability`; a test holds this page to it.

Every process answers `/metrics` on its operations port, as OpenMetrics with exemplars when asked
for. Prometheus adds `namespace`, `job` (the service), `pod` and `instance` when it scrapes. Labels
are few by rule: no id of a payment, a merchant or a customer's account is ever one. The only
accounts that are named are those of the house. Seconds are seconds, amounts are in major units
unless said otherwise.

What they mean together is on the dashboards; what to do about them is in
[the runbooks](../observability/runbooks).
"""


def render(metrics: Sequence[Described]) -> str:
    """Return the page."""
    parts = [_HEAD]
    for title, chosen in _sections(metrics):
        rows = [f"| {_row(metric)} |" for metric in chosen]
        head = ["| metric | kind | labels | what it tells |", "| --- | --- | --- | --- |"]
        parts.append("\n".join([f"## {title}", "", *head, *rows, ""]))
    return "\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or with `--check` return 1 when it is not what the code says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    text = render(describe())
    if parser.parse_args(arguments).check:
        if PAGE.read_text("utf-8") == text:
            return 0
        print(f"{PAGE.name} is not what the code says: run make observability", file=sys.stderr)
        return 1
    PAGE.write_text(text, "utf-8")
    return 0


def _sections(metrics: Sequence[Described]) -> list[tuple[str, list[Described]]]:
    shared = [m for m in metrics if len(m.owners) > 1 or EVERY_PROCESS in m.owners]
    alone = [m for m in metrics if m not in shared]
    owners = sorted({m.owners[0] for m in alone})
    own = [(owner, [m for m in alone if m.owners == (owner,)]) for owner in owners]
    return [*own, ("Shared", shared)]


def _row(metric: Described) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    where = "" if len(metric.owners) == 1 else f" ({', '.join(metric.owners)})"
    return f"`{metric.name}` | {metric.kind} | {labels} | {metric.documentation}{where}"


if __name__ == "__main__":
    sys.exit(main())
