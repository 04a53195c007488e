"""The alerts about any service: its queues, its pods, and what it rests on."""

from kurs_observability.alert import alert

_SERVICE = "kurs-service"
_JOBS = "api-gateway|payments|fx|wallet|risk|webhooks|kurs-operator"
_CONTAINERS = "api-gateway|payments|fx|wallet|risk|webhooks|operator"

SERVICES = (
    alert(
        "BatchStuck",
        "critical",
        "kurs_batch_queue_length > 0 and on (namespace, pod, batcher)"
        " increase(kurs_batch_duration_seconds_count[2m]) == 0",
        "1m",
        _SERVICE,
        (
            "Batches of {{ $labels.batcher }} stand still in {{ $labels.namespace }}",
            "{{ $value }} items wait in pod {{ $labels.pod }}, and no batch has returned.",
        ),
    ),
    alert(
        "QueueShedding",
        "warning",
        "sum by (namespace, batcher) (rate(kurs_batch_shed_total[5m])) > 0.1",
        "5m",
        _SERVICE,
        (
            "{{ $labels.batcher }} refuses work in {{ $labels.namespace }}",
            "{{ $value | humanize }} items a second are refused before their batch.",
        ),
    ),
    alert(
        "BreakerOpen",
        "warning",
        "max by (namespace, job, target) (kurs_circuit_breaker_state) == 2",
        "1m",
        _SERVICE,
        (
            "{{ $labels.job }} has given up on {{ $labels.target }} in {{ $labels.namespace }}",
            "The circuit breaker has been open for a minute: the target does not answer.",
        ),
    ),
    alert(
        "DatabasePoolExhausted",
        "warning",
        'sum by (namespace, pod) (kurs_database_connections{state="in_use"})'
        ' / sum by (namespace, pod) (kurs_database_connections{state="limit"}) > 0.9',
        "5m",
        _SERVICE,
        (
            "Connections to the database run out in {{ $labels.namespace }}",
            "Pod {{ $labels.pod }} uses {{ $value | humanizePercentage }} of its connections.",
        ),
    ),
    alert(
        "TargetDown",
        "critical",
        f'count by (namespace, job) (up{{job=~"{_JOBS}"}} == 0)'
        f' / count by (namespace, job) (up{{job=~"{_JOBS}"}}) > 0.5',
        "2m",
        _SERVICE,
        (
            "{{ $labels.job }} does not answer Prometheus in {{ $labels.namespace }}",
            "{{ $value | humanizePercentage }} of its pods cannot be scraped.",
        ),
    ),
    alert(
        "TargetVanished",
        "critical",
        f'count by (namespace, job) (count_over_time(up{{job=~"{_JOBS}"}}[1h]))'
        f' unless count by (namespace, job) (up{{job=~"{_JOBS}"}})',
        "5m",
        _SERVICE,
        (
            "{{ $labels.job }} is gone in {{ $labels.namespace }}",
            "Prometheus had {{ $value }} of its pods within the last hour, and has none now.",
        ),
    ),
    alert(
        "LoopStoodStill",
        "warning",
        "max by (namespace, container) (kube_pod_container_status_last_terminated_exitcode == 27"
        " and on (namespace, pod, container)"
        " increase(kube_pod_container_status_restarts_total"
        f'{{container=~"{_CONTAINERS}"}}[15m]) > 0)',
        "0m",
        _SERVICE,
        (
            "A process of {{ $labels.container }} stood still in {{ $labels.namespace }}",
            "Its watchdog ended it (exit code 27) and it was started anew; its log says where.",
        ),
    ),
    alert(
        "LogLinesLost",
        "warning",
        "sum by (namespace, job) (increase(kurs_log_lines_dropped_total[15m])) > 0",
        "0m",
        _SERVICE,
        (
            "Lines of {{ $labels.job }}'s log are lost in {{ $labels.namespace }}",
            "{{ $value | humanize }} of 15 minutes were not written, maybe those of the audit.",
        ),
    ),
    alert(
        "TracesLost",
        "warning",
        'sum by (namespace, job) (rate(kurs_trace_spans_exported_total{result="lost"}[5m])) > 0',
        "15m",
        _SERVICE,
        (
            "Traces of {{ $labels.job }} are lost in {{ $labels.namespace }}",
            "{{ $value | humanize }} spans a second do not reach the collector.",
        ),
    ),
)
