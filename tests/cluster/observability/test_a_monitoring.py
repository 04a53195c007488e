"""A real prometheus-operator takes up what the charts ship, and every query finds its data."""

from typing import Any

import pytest
from tests.cluster.installation import SERVICES
from tests.cluster.observability.conftest import SHORTEN, Paid
from tests.cluster.observability.http_api import Prometheus
from tests.cluster.shell import eventually
from tests.observability.queries import Selector, panel_queries, selectors

from kurs_observability.alerts import GROUPS
from kurs_observability.rules import render
from kurs_observability.slo import load_slos

JOBS = {*SERVICES, "kurs-operator"}
NOTHING_TO_SAY = {
    "kube_": "kube-state-metrics is no part of every cluster",
}
"""Parts of a query that explain why it may be empty after the load."""


def of(data: list[dict[str, Any]], namespace: str) -> list[dict[str, Any]]:
    return [item for item in data if item["labels"].get("namespace") == namespace]


def filled(query: str, namespace: str) -> str:
    """Return a panel's query with the variables of the dashboard set to all of a namespace."""
    values = {"$namespace": namespace, "$job": ".+", "$instance": ".+"}
    values |= {"$__rate_interval": "20s", "$__range": "10m"}
    for name, value in values.items():
        query = query.replace(name, value)
    return query


def within(selector: Selector, namespace: str) -> str:
    """Return the series of a selector in a namespace."""
    name, _, rest = selector.text.partition("{")
    return f'{name}{{namespace="{namespace}",{rest or "}"}'


def test_every_target_is_up(prometheus: Prometheus, release: str) -> None:
    def all_up() -> bool:
        targets = of(prometheus.get("targets", state="active")["activeTargets"], release)
        up = {target["labels"]["job"] for target in targets if target["health"] == "up"}
        return up == JOBS

    eventually(f"targets of {JOBS}", all_up)


def test_every_rule_is_taken_up_and_evaluates(prometheus: Prometheus, paid: Paid) -> None:
    def loaded() -> list[dict[str, Any]] | None:
        groups = prometheus.get("rules")["groups"]
        ours = [group for group in groups if group["name"].startswith("kurs-")]
        evaluated = all(rule["health"] != "unknown" for g in ours for rule in g["rules"])
        return ours if ours and evaluated else None

    groups = eventually("the evaluation of our rules", loaded)
    assert sum(len(group["rules"]) for group in groups) >= render(SHORTEN)["alerts.yaml"].count(
        "expr"
    )
    for group in groups:
        for rule in group["rules"]:
            assert rule["health"] == "ok", (rule["name"], rule.get("lastError"))


@pytest.mark.parametrize(
    ("uid", "title", "query"), panel_queries(), ids=lambda text: text[:40].replace(" ", "_")
)
def test_every_panel_shows_something(
    prometheus: Prometheus, release: str, paid: Paid, uid: str, title: str, query: str
) -> None:
    query = filled(query, release)
    if prometheus.during(query, paid.began, paid.ended):
        if "vector(" in query:
            # It falls back to a number, so it always has an answer: what it counts must be there.
            for selector in selectors(query):
                assert prometheus.during(selector.text, paid.began, paid.ended), selector.text
        return
    if reason := next((why for part, why in NOTHING_TO_SAY.items() if part in query), ""):
        pytest.skip(reason)
    raise AssertionError(f"{uid}, {title}: {query}")


@pytest.mark.parametrize("name", [alert.name for alerts in GROUPS.values() for alert in alerts])
def test_what_an_alert_looks_at_is_there(
    prometheus: Prometheus, release: str, paid: Paid, name: str
) -> None:
    alert = next(a for alerts in GROUPS.values() for a in alerts if a.name == name)
    for part, reason in NOTHING_TO_SAY.items():
        if part in alert.expr:
            pytest.skip(reason)
    for selector in selectors(alert.expr):
        series = within(selector, release)
        assert prometheus.during(series, paid.began, paid.ended), series


def test_promises_are_measured(prometheus: Prometheus, release: str, paid: Paid) -> None:
    # The short windows have no events any more when the load is over.
    ratios = f'last_over_time(slo:error_ratio:1h{{namespace="{release}"}}[30m])'

    assert {series["metric"]["slo"] for series in prometheus.query(ratios)} == {
        slo.name for slo in load_slos()
    }
