"""The alerts about what must never be, in the ledger or of it."""

from kurs_observability.alert import alert

_LEDGER = "kurs-ledger-risk"

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
    alert(
        "PartitionsShort",
        "critical",
        # A release before partitions, after a rollback, makes none and tells nothing.
        "min by (namespace, table) (kurs_wallet_partitions_ahead) < 2"
        " or (min by (namespace, table) (last_over_time(kurs_wallet_partitions_ahead[7d]))"
        " unless min by (namespace, table) (kurs_wallet_partitions_ahead))"
        ' and on (namespace) count by (namespace) (up{job="wallet"} == 1)',
        "10m",
        _LEDGER,
        (
            "Room for {{ $labels.table }} in {{ $labels.namespace }} runs out",
            "{{ $value }} partitions were ahead, of 2; behind the last one no payment is taken.",
        ),
    ),
)
