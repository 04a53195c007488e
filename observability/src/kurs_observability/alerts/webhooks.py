"""The alerts about events on their way to destinations."""

from kurs_observability.alert import alert

_PAYMENTS = "kurs-payments"

WEBHOOKS = (
    alert(
        "WebhookDestinationFailing",
        "warning",
        'sum by (namespace) (kurs_webhooks_destinations{state=~"failing|gone"}) > 0',
        "5m",
        _PAYMENTS,
        (
            "Destinations of {{ $labels.namespace }} take no events any more",
            "{{ $value }} of them have not taken an event for three days, or answered 410.",
        ),
    ),
    alert(
        "WebhooksLate",
        "warning",
        "max by (namespace) (kurs_webhooks_oldest_waiting_seconds) > 300",
        "5m",
        _PAYMENTS,
        (
            "Events of {{ $labels.namespace }} wait though their destinations take others",
            "The oldest waits for {{ $value | humanizeDuration }}.",
        ),
    ),
    alert(
        "WebhooksFeedUnread",
        "warning",
        "sum by (namespace) (increase(kurs_webhooks_feed_failures_total[10m])) > 60"
        " or sum by (namespace) (increase(kurs_webhooks_feed_looks_total[10m])) == 0",
        "5m",
        _PAYMENTS,
        (
            "webhooks cannot read what happened in {{ $labels.namespace }}",
            "{{ $value | humanize }} looks at the feed failed in ten minutes; 0: none was made.",
        ),
    ),
    alert(
        "WebhooksEventsUnread",
        "warning",
        "max by (namespace) (kurs_webhooks_unread_events) > 0",
        "5m",
        _PAYMENTS,
        (
            "payments cannot read events of {{ $labels.namespace }} that it stored",
            "{{ $value }} events are passed over until it can; all others are sent.",
        ),
    ),
)
