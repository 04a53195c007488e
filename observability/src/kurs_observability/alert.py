"""An alert as this package speaks of it, and its form as a Prometheus rule."""

from dataclasses import dataclass
from typing import Any, Literal

RUNBOOKS = "observability/runbooks"
GRAFANA = "grafana"
"""Where links begin; the chart puts the addresses of the installation in their places."""
_NAMESPACE = "var-namespace={{ $labels.namespace }}"

Severity = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Alert:
    """`critical` wakes somebody up, `warning` is work for the day.

    `wait` is how long `expr` must hold, in Prometheus' notation. `summary` may use `$labels`.
    `dashboard` is the uid of one with the variable `namespace`, a label that every `expr` keeps.
    """

    name: str
    severity: Severity
    expr: str
    wait: str
    summary: str
    description: str
    dashboard: str

    def rule(self) -> dict[str, Any]:
        """Return the alerting rule."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.wait,
            "labels": {"severity": self.severity, "part_of": "kurs"},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{RUNBOOKS}/{self.name}.md",
                "dashboard_url": f"{GRAFANA}/d/{self.dashboard}?{_NAMESPACE}",
            },
        }


def alert(
    name: str,
    severity: Severity,
    expr: str,
    wait: str,
    dashboard: str,
    texts: tuple[str, str],
) -> Alert:
    """Return an alert of Kurs, its name without the prefix; `texts` are summary and description."""
    summary, description = texts
    return Alert(f"Kurs{name}", severity, expr, wait, summary, description, dashboard)
