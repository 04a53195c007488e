"""Scaling: replicas, CPU and load, and whether they follow each other."""

from grafana_foundation_sdk.builders import dashboard

from kurs_observability.dashboards.frame import (
    NAMESPACE,
    SERVICES,
    Query,
    board,
    chart,
    filled,
    quantiles,
    rate,
)

_HPA = f'{{{NAMESPACE},horizontalpodautoscaler=~"{SERVICES}"}}'
_PODS = f'{{{NAMESPACE},container!="",pod=~"({SERVICES})-.+"}}'
_REQUESTED = f'{{{NAMESPACE},resource="cpu",pod=~"({SERVICES})-.+"}}'
_SCALER, _BY = "kube_horizontalpodautoscaler", "by (horizontalpodautoscaler)"
_REPLICAS = (
    chart(
        "How many replicas are there?",
        "Pods that each autoscaler has now.",
        "none",
        Query(
            f"max {_BY} ({_SCALER}_status_current_replicas{_HPA})",
            "{{horizontalpodautoscaler}}",
        ),
    ),
    chart(
        "How many are wanted?",
        "Pods that each autoscaler asks for.",
        "none",
        Query(
            f"max {_BY} ({_SCALER}_status_desired_replicas{_HPA})",
            "{{horizontalpodautoscaler}}",
        ),
    ),
    chart(
        "Is there room to grow?",
        "Replicas as a share of the maximum; at 1 the autoscaler can do no more.",
        "percentunit",
        Query(
            f"max {_BY} ({_SCALER}_status_current_replicas{_HPA})"
            f" / max {_BY} ({_SCALER}_spec_max_replicas{_HPA})",
            "{{horizontalpodautoscaler}}",
        ),
        limits={"yellow": 0.8, "red": 1},
    ),
    chart(
        "How much CPU, for what was requested?",
        "Use as a share of the request; autoscalers hold it at their target.",
        "percentunit",
        Query(
            f"sum by (pod) (rate(container_cpu_usage_seconds_total{_PODS}"
            "[$__rate_interval])) / on (pod)"
            f" sum by (pod) (kube_pod_container_resource_requests{_REQUESTED})",
            "{{pod}}",
        ),
        span=12,
    ),
    chart(
        "Do pods die?",
        "Restarts of containers.",
        "none",
        Query(
            "sum by (pod) (increase(kube_pod_container_status_restarts_total"
            f"{_PODS}[$__rate_interval]))",
            "{{pod}}",
        ),
        span=12,
        limits={"red": 1},
    ),
)

_REQUESTS = "http_server_request_duration_seconds"
_LOAD = (
    chart(
        "How many payments a second?",
        "Payments that got an outcome: the load that replicas follow.",
        "reqps",
        rate("kurs_payments_total", more='operation="pay"', legend="payments"),
    ),
    chart(
        "Is the load spread?",
        "Requests a second by pod; new pods should get their share.",
        "reqps",
        rate("http_server_request_duration_seconds_count", "job", "instance"),
    ),
    chart(
        "Does it stay fast?",
        "95 of 100 requests are faster, by service.",
        "s",
        *quantiles(_REQUESTS, "job", "{{job}}", 0.95),
        limits={"red": 0.25},
    ),
)


def scaling() -> dashboard.Dashboard:
    """Return the dashboard."""
    built = board(
        "kurs-scaling",
        "Kurs / Scaling",
        "Whether replicas follow the load: autoscalers, CPU against requests, payments, latency.",
    )
    return filled(built, *_REPLICAS, *_LOAD)
