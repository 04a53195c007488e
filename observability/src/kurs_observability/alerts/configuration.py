"""The alerts about resources on their way to the services, and the operator."""

from kurs_observability.alert import alert

_OPERATOR = "kurs-operator"
_GENERATIONS = "by (namespace, kind, name) (kurs_config_applied_generation)"

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
