"""Takes queries apart: which metrics they read, with which labels, inside which functions."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser
from promql_parser import VectorSelector

from kurs_observability.catalogue import describe
from kurs_observability.dashboards.render import FOLDER
from kurs_observability.slo import load_slos, slo_groups

ROOT = Path(__file__).parents[2]
_VARIABLES = {
    "$__rate_interval": "1m",
    "$__range": "30m",
    "$namespace": "kurs-dev",
    "$job": "payments",
    "$instance": ".+",
}

_SCALER = {"namespace", "horizontalpodautoscaler"}
# What does not come from Kurs: the labels that our queries may use.
FOREIGN = {
    "up": {"namespace", "job", "instance", "pod"},
    "ALERTS": {"namespace", "part_of", "alertname", "alertstate", "severity"},
    "container_cpu_usage_seconds_total": {"namespace", "pod", "container"},
    "kube_pod_container_resource_requests": {"namespace", "pod", "container", "resource"},
    "kube_pod_container_status_restarts_total": {"namespace", "pod", "container"},
    "kube_pod_container_status_last_terminated_exitcode": {"namespace", "pod", "container"},
    "kube_horizontalpodautoscaler_status_current_replicas": _SCALER,
    "kube_horizontalpodautoscaler_status_desired_replicas": _SCALER,
    "kube_horizontalpodautoscaler_spec_max_replicas": _SCALER,
}
SCRAPED = {"namespace", "job", "instance", "pod", "container", "service", "endpoint"}


@dataclass(frozen=True, slots=True)
class Selector:
    """One use of a metric; `functions` are those around it, the innermost first.

    `text` is the use as it was written, without a range.
    """

    metric: str
    text: str
    labels: frozenset[str]
    functions: tuple[str, ...]


def filled(query: str) -> str:
    """Return a query with the variables of a dashboard filled in."""
    for name, value in _VARIABLES.items():
        query = query.replace(name, value)
    return query


def selectors(query: str) -> list[Selector]:
    """Return every selector of a query; raises ValueError when it is no PromQL."""
    return list(_walk(promql_parser.parse(filled(query)), ()))


def _walk(node: Any, functions: tuple[str, ...]) -> Iterator[Selector]:
    if isinstance(node, VectorSelector):
        labels = frozenset(m.name for m in node.matchers.matchers)
        yield Selector(str(node.name), str(node), labels, functions)
        return
    name = type(node).__name__
    if name == "Call":
        functions = (node.func.name, *functions)
        for argument in node.args:
            yield from _walk(argument, functions)
        return
    for part in ("vector_selector", "vs", "expr", "lhs", "rhs"):
        child = getattr(node, part, None)
        if child is not None and not isinstance(child, str):
            yield from _walk(child, functions)


def known_series() -> dict[str, set[str]]:
    """Return every series that queries may read, with its labels."""
    known = {name: set(labels) | SCRAPED for m in describe() for name, labels in m.series()}
    recorded = {
        rule["record"]: {"namespace", "slo"}
        for group in slo_groups(load_slos())
        for rule in group["rules"]
        if "record" in rule
    }
    return {**known, **recorded, **FOREIGN}


def dashboards() -> dict[str, dict[str, Any]]:
    """Return the rendered dashboards by uid."""
    return {
        file.stem: json.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.json"))
    }


def panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the panels of a dashboard, rows left out."""
    for panel in dashboard["panels"]:
        yield from panel.get("panels") or []
        if panel["type"] != "row":
            yield panel


def panel_queries() -> list[tuple[str, str, str]]:
    """Return dashboard, title and query of every target of every panel."""
    return [
        (uid, panel["title"], target["expr"])
        for uid, dashboard in dashboards().items()
        for panel in panels(dashboard)
        for target in panel["targets"]
    ]


def runbook_queries() -> list[tuple[str, str]]:
    """Return runbook and query of every block of PromQL in the runbooks."""
    files = sorted((ROOT / "observability" / "runbooks").glob("Kurs*.md"))
    return [
        (file.stem, query.strip())
        for file in files
        for query in re.findall(r"```promql\n(.*?)```", file.read_text("utf-8"), re.DOTALL)
    ]
