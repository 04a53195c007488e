"""The alerts about exchange rates."""

from kurs_observability.alert import alert

_FX = "kurs-fx"
_LEDGER = "kurs-ledger-risk"
_AGE = "(kurs_fx_rate_age_seconds / kurs_fx_rate_max_age_seconds)"

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
