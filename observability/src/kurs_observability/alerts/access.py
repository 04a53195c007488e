"""The alerts about whoever may not do what he tries, and about keys."""

from kurs_observability.alert import alert

_SERVICE = "kurs-service"

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
