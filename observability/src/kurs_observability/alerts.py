"""The alerts beside the burn rates: what must never be, and what needs a person soon.

Every expression is by namespace, so that two installations in one cluster are told apart.
"""

from kurs_observability.alert import alert
from kurs_observability.webhook_alerts import WEBHOOKS

_PAYMENTS, _FX, _LEDGER = "kurs-payments", "kurs-fx", "kurs-ledger-risk"
_SERVICE, _OPERATOR = "kurs-service", "kurs-operator"
_JOBS = "api-gateway|payments|fx|wallet|risk|webhooks|kurs-operator"
_CONTAINERS = "api-gateway|payments|fx|wallet|risk|webhooks|operator"
_AGE = "(kurs_fx_rate_age_seconds / kurs_fx_rate_max_age_seconds)"
_GENERATIONS = "by (namespace, kind, name) (kurs_config_applied_generation)"


MUST_NEVER_BE = (
    alert(
        "LedgerImbalance",
        "critical",
        "max by (namespace, currency) (abs(kurs_wallet_ledger_imbalance)) > 0",
        "0m",
        _LEDGER,
        (
            "The ledger of {{ $labels.namespace }} does not sum to zero in {{ $labels.currency }}",
            "All postings of the currency sum to {{ $value }} minor units.",
        ),
    ),
    alert(
        "LedgerTampered",
        "critical",
        "max by (namespace) (kurs_wallet_ledger_findings) > 0",
        "0m",
        _LEDGER,
        (
            "The ledger of {{ $labels.namespace }} was touched",
            "{{ $value }} things are not as they were committed; the wallet's log names them.",
        ),
    ),
    alert(
        "PaymentMissing",
        "critical",
        "max by (namespace) (kurs_payments_missing) > 0",
        "0m",
        _LEDGER,
        (
            "A captured payment is not in the ledger of {{ $labels.namespace }}",
            "{{ $value }} payments were answered as CAPTURED, and the wallet has no such transfer.",
        ),
    ),
    alert(
        "UnknownTransfer",
        "critical",
        "max by (namespace) (kurs_payments_unknown_transfers) > 0",
        "0m",
        _LEDGER,
        (
            "The ledger of {{ $labels.namespace }} has a transfer that no payment asked for",
            "{{ $value }} transfers came past payments; its log names them.",
        ),
    ),
    alert(
        "CustomerBelowLimit",
        "critical",
        "max by (namespace) (kurs_wallet_customers_below_limit) > 0",
        "0m",
        _LEDGER,
        (
            "Customers in {{ $labels.namespace }} are below their limit",
            "{{ $value }} balances are below zero or their agreed overdraft.",
        ),
    ),
    alert(
        "LedgerUnaudited",
        "critical",
        "time() - max by (namespace) (kurs_wallet_ledger_audit_timestamp_seconds) > 300",
        "2m",
        _LEDGER,
        (
            "Nobody sums up the ledger of {{ $labels.namespace }}",
            "The last audit was {{ $value | humanizeDuration }} ago; an imbalance would go unseen.",
        ),
    ),
)

EDGES = (
    alert(
        "EdgeRefused",
        "critical",
        "sum by (namespace, job, reason) (increase(kurs_edge_refusals_total[5m])) > 0",
        "0m",
        _SERVICE,
        (
            "{{ $labels.job }} of {{ $labels.namespace }} refuses requests: {{ $labels.reason }}",
            "{{ $value | humanize }} requests in five minutes did not prove who sent them.",
        ),
    ),
)

PAYMENTS = (
    alert(
        "PaymentsUnfinished",
        "critical",
        "max by (namespace) (kurs_payments_oldest_pending_seconds) > 300",
        "1m",
        _PAYMENTS,
        (
            "A payment in {{ $labels.namespace }} does not come to an end",
            "The oldest unfinished operation waits for {{ $value | humanizeDuration }}.",
        ),
    ),
    alert(
        "OperationSetAside",
        "critical",
        "max by (namespace) (kurs_payments_operations_set_aside) > 0",
        "0m",
        _PAYMENTS,
        (
            "Operations in {{ $labels.namespace }} were set aside and wait for a person",
            "{{ $value }} operations could not be finished, however often they were tried.",
        ),
    ),
    alert(
        "EventsLate",
        "critical",
        "max by (namespace) (kurs_payments_oldest_late_event_seconds) > 60",
        "1m",
        _PAYMENTS,
        (
            "Events of payments in {{ $labels.namespace }} are told to nobody",
            "The oldest waits {{ $value | humanizeDuration }} for its place among the others.",
        ),
    ),
    alert(
        "UnknownCode",
        "warning",
        "sum by (namespace) (increase(kurs_payments_unknown_codes_total[15m])) > 0",
        "0m",
        _PAYMENTS,
        (
            "Payments in {{ $labels.namespace }} were refused for reasons that nobody knows",
            "{{ $value | humanize }} operations in a quarter of an hour; its log names them.",
        ),
    ),
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

RATES = (
    alert(
        "PairStale",
        "critical",
        f"min by (namespace, base, quote) (max by (namespace, base, quote, source) {_AGE}) > 1",
        "1m",
        _FX,
        (
            "No fresh rate of {{ $labels.base }}/{{ $labels.quote }} in {{ $labels.namespace }}",
            "Every source of the pair is older than it may be; payments fail with stale_rate.",
        ),
    ),
    alert(
        "RateSourceStale",
        "warning",
        f"max by (namespace, source) {_AGE} > 1",
        "5m",
        _FX,
        (
            "Rates of {{ $labels.source }} are too old in {{ $labels.namespace }}",
            "The oldest is {{ $value | humanize }} times as old as it may be; others stand in.",
        ),
    ),
    alert(
        "RateSourceUnhealthy",
        "warning",
        "min by (namespace, source) (kurs_fx_source_healthy) == 0",
        "15m",
        _FX,
        (
            "{{ $labels.source }} does not give every rate in {{ $labels.namespace }}",
            "Its refreshes have failed, or gave rates that were refused, for 15 minutes.",
        ),
    ),
    alert(
        "RiskRatesOld",
        "warning",
        "max by (namespace) (kurs_risk_rates_age_seconds) > 300",
        "2m",
        _LEDGER,
        (
            "risk compares limits by old rates in {{ $labels.namespace }}",
            "fx last confirmed them {{ $value | humanizeDuration }} ago.",
        ),
    ),
)

CONFIGURATION = (
    alert(
        "ConfigRefused",
        "warning",
        "sum by (namespace, job) (increase(kurs_config_reload_failures_total[10m])) > 0",
        "0m",
        _OPERATOR,
        (
            "{{ $labels.job }} refuses a configuration in {{ $labels.namespace }}",
            "The last good one stays in force; what was changed since is not.",
        ),
    ),
    alert(
        "ConfigDiverged",
        "warning",
        f"max {_GENERATIONS} - min {_GENERATIONS} > 0",
        "2m",
        _OPERATOR,
        (
            "Replicas disagree on {{ $labels.name }} in {{ $labels.namespace }}",
            "Some run a {{ $labels.kind }} that is {{ $value }} generations older.",
        ),
    ),
    alert(
        "ResourceNotReady",
        "warning",
        # What a receiver does not take is WebhookDestinationFailing.
        "max by (namespace, kind, name)"
        ' (kurs_resource_condition{type="Ready",kind!="EventDestination"}) == 0'
        " or min by (namespace, kind, name)"
        ' (kurs_resource_condition{type=~"Accepted|Propagated",kind="EventDestination"}) == 0',
        "5m",
        _OPERATOR,
        (
            "{{ $labels.kind }} {{ $labels.name }} is not ready in {{ $labels.namespace }}",
            "kubectl describe tells why; payments go on with what was in force.",
        ),
    ),
    alert(
        "OperatorFailing",
        "warning",
        "sum by (namespace) (increase(kurs_operator_faults_total[10m])) > 5",
        "5m",
        _OPERATOR,
        (
            "The operator of {{ $labels.namespace }} keeps failing",
            "{{ $value | humanize }} steps failed within ten minutes and are tried again.",
        ),
    ),
    alert(
        "OperatorStuck",
        "critical",
        "max by (namespace) (kurs_operator_queue_depth) > 0"
        " and on (namespace) sum by (namespace) (increase(kurs_operator_reconcile_total[5m])) == 0",
        "5m",
        _OPERATOR,
        (
            "The operator of {{ $labels.namespace }} stands still",
            "{{ $value }} changes wait, and none has been looked at for five minutes.",
        ),
    ),
    alert(
        "LedgerHeadsUnkept",
        "warning",
        'sum by (namespace) (increase(kurs_operator_ledger_heads_total{result!="kept"}[10m])) > 5',
        "5m",
        _OPERATOR,
        (
            "Signed heads of the ledger are not kept in {{ $labels.namespace }}",
            "{{ $value | humanize }} rounds failed within ten minutes; the wallet's log has them.",
        ),
    ),
)

KEYS = (
    alert(
        "ApiKeyExpiresSoon",
        "warning",
        "max by (namespace) (kurs_gateway_keys_expiring) > 0",
        "5m",
        _SERVICE,
        (
            "API keys of {{ $labels.namespace }} expire soon",
            "{{ $value }} keys end within two weeks; their merchants need successors.",
        ),
    ),
    alert(
        "ApiKeysUnreadable",
        "critical",
        "sum by (namespace) (increase(kurs_gateway_keys_reload_failures_total[10m])) > 0",
        "0m",
        _SERVICE,
        (
            "The keys file of {{ $labels.namespace }} cannot be read",
            "The keys before it stay in force: a key that was to be revoked still works.",
        ),
    ),
)

GROUPS = {
    "kurs-must-never-be": MUST_NEVER_BE,
    "kurs-edges": EDGES,
    "kurs-payments": PAYMENTS,
    "kurs-rates": RATES,
    "kurs-configuration": CONFIGURATION,
    "kurs-keys": KEYS,
    "kurs-webhooks": WEBHOOKS,
}
