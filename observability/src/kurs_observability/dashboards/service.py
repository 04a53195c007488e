"""Service: rate, errors and duration, then use of CPU, memory, batches, calls and databases."""

from grafana_foundation_sdk.builders import dashboard

from kurs_observability.dashboards.frame import Query, board, chart, filled, quantiles, rate

_SERVED = "http_server_request_duration_seconds"
_CALLED = "http_client_request_duration_seconds"
_COUNT = f"{_SERVED}_count"
_ANSWERED = f"sum by (job) (rate({_COUNT}{{@}}[$__rate_interval]))"
_REQUESTS = (
    dashboard.Row("Requests"),
    chart(
        "How many requests, and where to?",
        "Answered requests by service and route.",
        "reqps",
        rate(_COUNT, "job", "http_route"),
        stacked=True,
    ),
    chart(
        "How many fail through our fault?",
        "Share of answers with a status of 500 and above.",
        "percentunit",
        Query(
            f'(sum by (job) (rate({_COUNT}{{@,http_response_status_code=~"5.."}}'
            f"[$__rate_interval])) or {_ANSWERED} * 0) / {_ANSWERED}",
            "{{job}}",
        ),
        limits={"red": 0.001},
    ),
    chart(
        "How long do they take?",
        "99 of 100 are faster. A dot is a traced request: click it for its trace.",
        "s",
        *quantiles(_SERVED, "job", "{{job}}", 0.99),
        exemplars=True,
        limits={"red": 0.25},
    ),
    chart(
        "How many are in flight?",
        "Requests that are being answered.",
        "none",
        Query("sum by (job) (http_server_active_requests{@})", "{{job}}"),
    ),
    chart(
        "What does the gateway refuse?",
        "By problem code, before any service is asked.",
        "reqps",
        rate("kurs_gateway_refusals_total", "code"),
    ),
    chart(
        "Do traces arrive?",
        "Spans handed to the collector, by result.",
        "ops",
        rate("kurs_trace_spans_exported_total", "job", "result"),
    ),
)

_PROCESS = (
    dashboard.Row("Processes"),
    chart(
        "How much CPU does a process use?",
        "Cores; a process uses one at most.",
        "none",
        rate("process_cpu_seconds_total", "job", "instance"),
        limits={"red": 0.9},
    ),
    chart(
        "How much memory?",
        "Resident memory of each process.",
        "bytes",
        Query(
            "sum by (job, instance) (process_resident_memory_bytes{@})",
            "{{job}} {{instance}}",
        ),
    ),
    chart(
        "Do file descriptors run out?",
        "Open ones as a share of the limit.",
        "percentunit",
        Query(
            "max by (job, instance) (process_open_fds{@} / process_max_fds{@})",
            "{{job}} {{instance}}",
        ),
        limits={"red": 0.8},
    ),
)

_AVERAGE = (
    "sum by (batcher) (rate(kurs_batch_size_sum{@}[$__rate_interval]))"
    " / sum by (batcher) (rate(kurs_batch_size_count{@}[$__rate_interval]))"
)
_BATCHES = (
    dashboard.Row("Batches"),
    chart(
        "How many items share a batch?",
        "Mean size; it grows with the load, which is how the load is borne.",
        "none",
        Query(_AVERAGE, "{{batcher}}"),
        span=6,
    ),
    chart(
        "How long is a batch in flight?",
        "95 of 100 are faster.",
        "s",
        *quantiles("kurs_batch_duration_seconds", "batcher", "{{batcher}}", 0.95),
        span=6,
    ),
    chart(
        "How much waits?",
        "Items that wait for the batch in flight.",
        "none",
        Query("sum by (batcher) (kurs_batch_queue_length{@})", "{{batcher}}"),
        span=6,
    ),
    chart(
        "What is turned away?",
        "Items refused before their batch, by reason.",
        "ops",
        rate("kurs_batch_shed_total", "batcher", "reason"),
        span=6,
    ),
)

_CALLS = (
    dashboard.Row("Calls between services"),
    chart(
        "How long do calls take?",
        "95 of 100 are faster, by caller and target.",
        "s",
        *quantiles(_CALLED, "job, server", "{{job}} to {{server}}", 0.95),
        span=6,
    ),
    chart(
        "Which calls get no answer?",
        "By caller, target and kind of error.",
        "reqps",
        rate(
            "http_client_request_duration_seconds_count",
            "job",
            "server",
            "error_type",
            more='error_type!=""',
            legend="{{job}} to {{server}}: {{error_type}}",
        ),
        span=6,
    ),
    chart(
        "Who has given up on whom?",
        "Circuit breakers: 0 closed, 1 trying, 2 open.",
        "none",
        Query("max by (job, target) (kurs_circuit_breaker_state{@})", "{{job}} to {{target}}"),
        span=6,
        limits={"red": 2},
    ),
    chart(
        "How much is repeated or held back?",
        "Retries, retries that the budget refused, and calls that were not sent.",
        "reqps",
        rate("http_client_retries_total", "job", legend="{{job}} repeated"),
        rate("http_client_retry_budget_exhausted_total", "job", legend="{{job}} over budget"),
        rate("http_client_not_sent_total", "job", "reason"),
        span=6,
    ),
)

_DATABASES = (
    dashboard.Row("Databases"),
    chart(
        "How long does a transaction take?",
        "With its commit; 99 of 100 are faster.",
        "s",
        *quantiles("kurs_database_transaction_duration_seconds", "job", "{{job}}", 0.5, 0.99),
    ),
    chart(
        "How many transactions, and how many again?",
        "By service, kind and result; `retried` met a deadlock or a lost connection.",
        "ops",
        rate("kurs_database_transactions_total", "job", "kind", "result"),
    ),
    chart(
        "Do connections run out?",
        "Connections in use as a share of the limit, by pod; PostgreSQL only.",
        "percentunit",
        Query(
            'sum by (job, instance) (kurs_database_connections{@,state="in_use"})'
            ' / sum by (job, instance) (kurs_database_connections{@,state="limit"})',
            "{{job}} {{instance}}",
        ),
        limits={"red": 0.9},
    ),
)


def service() -> dashboard.Dashboard:
    """Return the dashboard."""
    built = board(
        "kurs-service",
        "Kurs / Service",
        "How each service does: requests, errors and time (RED), then what it uses (USE).",
        jobs="api-gateway|payments|fx|wallet|risk|webhooks|kurs-operator",
    )
    return filled(built, *_REQUESTS, *_PROCESS, *_BATCHES, *_CALLS, *_DATABASES)
