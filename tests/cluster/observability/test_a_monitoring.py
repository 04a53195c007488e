"""A real prometheus-operator takes up what the charts ship, and every query finds its data."""

from typing import Any

import pytest
from tests.cluster.observability.conftest import SHORTEN
from tests.cluster.observability.http_api import Prometheus, fetch, forwarded
from tests.cluster.shell import eventually, get
from tests.observability.queries import panel_queries, selectors

from kurs_observability.alerts import GROUPS
from kurs_observability.rules import render
from kurs_observability.slo import load_slos

SERVICES = {"api-gateway", "payments", "fx", "wallet", "risk"}
JOBS = {*SERVICES, "kurs-operator"}
NOTHING_TO_SAY = {
    "kube_": "kube-state-metrics is no part of every cluster",
    "container_": "the kubelet is not scraped in every cluster",
    "ALERTS": "only while an alert is pending or firing",
    "slo:error_ratio:5m": "its shortened window is over before the panels are asked",
    "slo:error_ratio:1h": "its shortened window is over before the panels are asked",
    'slo="config-propagation"': "needs an edited resource",
    "What is not believed, and why?": "only when a source said what is not believed",
    "Who leaves outcomes open?": "only when a dependency was late",
    "Does the sweeper finish them?": "only when an operation was left",
    "How much is repeated or held back?": "only when a call got no answer",
}
"""Parts of a panel's title or query that explain why it may be empty after the load."""


def of(data: list[dict[str, Any]], namespace: str) -> list[dict[str, Any]]:
    return [item for item in data if item["labels"].get("namespace") == namespace]


def filled(query: str, namespace: str) -> str:
    """Return a panel's query with the variables of the dashboard set to all of a namespace."""
    values = {"$namespace": namespace, "$job": ".+", "$instance": ".+"}
    # Long enough to reach back to the load.
    values |= {"$__rate_interval": "10m", "$__range": "10m"}
    for name, value in values.items():
        query = query.replace(name, value)
    return query


def test_every_target_is_up(prometheus: Prometheus, release: str) -> None:
    def all_up() -> bool:
        targets = of(prometheus.get("targets", state="active")["activeTargets"], release)
        up = {target["labels"]["job"] for target in targets if target["health"] == "up"}
        return up == JOBS

    eventually(f"targets of {JOBS}", all_up)


def test_every_rule_is_taken_up_and_evaluates(prometheus: Prometheus, paid: str) -> None:
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
    prometheus: Prometheus, release: str, paid: str, uid: str, title: str, query: str
) -> None:
    if prometheus.query(filled(query, release)):
        return
    assert any(part in f"{title} {query}" for part in NOTHING_TO_SAY), f"{title}: {query}"


@pytest.mark.parametrize("name", [alert.name for alerts in GROUPS.values() for alert in alerts])
def test_what_an_alert_looks_at_is_there(
    prometheus: Prometheus, release: str, paid: str, name: str
) -> None:
    alert = next(a for alerts in GROUPS.values() for a in alerts if a.name == name)
    for selector in selectors(alert.expr):
        series = f'{selector.metric}{{namespace="{release}"}}'
        assert prometheus.query(series), series


def test_promises_are_measured(prometheus: Prometheus, release: str, paid: str) -> None:
    # The short windows have no events any more when the load is over.
    ratios = f'last_over_time(slo:error_ratio:1h{{namespace="{release}"}}[30m])'
    expected = {slo.name for slo in load_slos()} - {"config-propagation"}

    def measured() -> bool:
        return expected <= {series["metric"]["slo"] for series in prometheus.query(ratios)}

    eventually("the ratios of every promise", measured, patience=60)


def test_an_exemplar_leads_to_the_trace_of_a_payment(
    prometheus: Prometheus, release: str, paid: str
) -> None:
    ports = {p["port"] for p in get("monitoring", "service", "tempo")["spec"]["ports"]}
    if 16686 not in ports:
        pytest.skip("traces are read back by Jaeger's API, which this store does not have")
    of = f'namespace="{release}",http_route="/payments",http_response_status_code="200"'
    series = f"http_server_request_duration_seconds_bucket{{{of}}}"
    now = prometheus.now()
    found = prometheus.get("query_exemplars", query=series, start=str(now - 1800), end=str(now))
    traces = {e["labels"]["trace_id"] for one in found for e in one["exemplars"]}
    assert traces
    assert all(len(trace) == 32 for trace in traces)
    with forwarded("monitoring", "tempo", 16686) as address:
        read = (_jaeger_spans(address, trace) for trace in traces)
        whole = [spans for spans in read if {span["service"] for span in spans} >= SERVICES]
    assert whole, "no trace of these crosses all five services"
    attributes = {key: value for span in whole[0] for key, value in span["tags"].items()}
    assert attributes["ledger.transfer_id"].startswith("pay:")
    assert paid in attributes["payment.id"]


def _jaeger_spans(address: str, trace: str) -> list[dict[str, Any]]:
    status, document = fetch(f"{address}/api/traces/{trace}")
    if status != 200:
        return []
    (found,) = document["data"]
    return [
        {
            "name": span["operationName"],
            "service": found["processes"][span["processID"]]["serviceName"],
            "tags": {tag["key"]: tag["value"] for tag in span["tags"]},
        }
        for span in found["spans"]
    ]
