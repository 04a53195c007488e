"""The alerts about payments that do not come to their end."""

from kurs_observability.alert import alert

_PAYMENTS = "kurs-payments"

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
)
