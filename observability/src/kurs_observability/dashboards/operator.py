"""Operator: from an edited resource to the last replica that has it."""

from grafana_foundation_sdk.builders import dashboard

from kurs_observability.dashboards.frame import (
    Query,
    board,
    chart,
    filled,
    listing,
    number,
    quantiles,
    rate,
)

_OPERATOR = (
    number(
        "How many resources are not ready?",
        "Their status tells why: kubectl describe.",
        "none",
        'count(max by (kind, name) (kurs_resource_condition{@,type="Ready"}) == 0) or vector(0)',
        limits={"yellow": 1},
        span=6,
    ),
    number(
        "How many changes wait?",
        "Queue of the operator.",
        "none",
        "max(kurs_operator_queue_depth{@})",
        limits={"yellow": 5, "red": 50},
        span=6,
    ),
    chart(
        "How soon is an edit on every replica?",
        "From when it was seen to the last acknowledgement.",
        "s",
        *quantiles("kurs_config_propagation_seconds", "", "", 0.5, 0.95),
        span=12,
        limits={"red": 5},
    ),
    chart(
        "What does the operator do?",
        "Resources looked at, by kind and result.",
        "ops",
        rate("kurs_operator_reconcile_total", "kind", "result"),
        span=6,
    ),
    chart(
        "What does it write?",
        "Documents applied, by service and cause; `repaired` undoes another's edit.",
        "ops",
        rate("kurs_operator_documents_written_total", "service", "cause"),
        span=6,
    ),
    chart(
        "What fails?",
        "Steps that failed and are tried again.",
        "ops",
        rate("kurs_operator_faults_total", legend="faults"),
        span=6,
    ),
    chart(
        "Are the ledger's heads kept?",
        "Once a minute, in the ConfigMap kurs-ledger-heads.",
        "ops",
        rate("kurs_operator_ledger_heads_total", "result"),
        span=6,
    ),
)

_GENERATIONS = "by (kind, name) (kurs_config_applied_generation{@})"
_REPLICAS = (
    listing(
        "In what condition is each resource?",
        "1 true, 0 false, -1 unknown.",
        "none",
        "max by (kind, name, type) (kurs_resource_condition{@})",
    ),
    listing(
        "Which generation does each replica run?",
        "The generation of each resource in the configuration in force.",
        "none",
        "max by (kind, name, job, instance) (kurs_config_applied_generation{@})",
    ),
    chart(
        "Do replicas agree?",
        "Generations between the newest and the oldest in force; above 0 for seconds only.",
        "none",
        Query(f"max {_GENERATIONS} - min {_GENERATIONS}", "{{kind}} {{name}}"),
        limits={"red": 1},
    ),
    chart(
        "Is a configuration refused?",
        "Documents that fx or risk could not use; the last good one stays.",
        "none",
        Query(
            "sum by (job) (increase(kurs_config_reload_failures_total{@}[$__rate_interval]))",
            "{{job}}",
        ),
        limits={"red": 1},
    ),
    chart(
        "How long has it been in force?",
        "Seconds since the configuration of each replica was applied.",
        "s",
        Query(
            "time() - max by (job, instance) (kurs_config_reload_success_timestamp_seconds{@})",
            "{{job}} {{instance}}",
        ),
    ),
)


def operator() -> dashboard.Dashboard:
    """Return the dashboard."""
    built = board(
        "kurs-operator",
        "Kurs / Operator",
        "Whether edited rate sources and limits reach every replica, and what is in the way.",
        jobs="kurs-operator|fx|risk",
    )
    return filled(built, *_OPERATOR, *_REPLICAS)
