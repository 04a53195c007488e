"""Payments overview: what the business asks."""

from grafana_foundation_sdk.builders import dashboard

from kurs_observability.dashboards.frame import (
    Query,
    board,
    chart,
    filled,
    number,
    quantiles,
    rate,
)

_PAID = 'kurs_payments_total{@,operation="pay"}'
_HTTP = ',job="api-gateway",http_route="/payments",http_request_method="POST"'
_SPEED = f"sum(rate({_PAID}[$__rate_interval]))"
_GOOD = _SPEED.replace('"pay"', '"pay",status!="FAILED"')
_FIGURES = (
    number("How many payments a second?", "Payments that got an outcome.", "reqps", _SPEED),
    number(
        "How many succeed?",
        "Share that is not FAILED; refusals by risk or balance count as failed.",
        "percentunit",
        f"{_GOOD} / {_SPEED}",
    ),
    number(
        "How long does one take?",
        "99 of 100 are faster, as the caller sees it.",
        "s",
        quantiles("http_server_request_duration_seconds", "", "", 0.99, more=_HTTP)[0].expr,
        limits={"yellow": 0.25, "red": 1},
    ),
    number(
        "How old is the oldest unfinished?",
        "Age of the oldest operation without an outcome; the sweeper ends it.",
        "s",
        "max(kurs_payments_oldest_pending_seconds{@})",
        limits={"yellow": 60, "red": 300},
    ),
    number(
        "Does the ledger sum to zero?",
        "Largest sum of a currency over all postings, in minor units: 0, always.",
        "none",
        "max(abs(kurs_wallet_ledger_imbalance{@}))",
        limits={"red": 1},
    ),
    number(
        "How many answers repeat the first?",
        "Requests with a key that was used before: retries of callers.",
        "reqps",
        "sum(rate(kurs_payments_replayed_total{@}[$__rate_interval]))",
    ),
)

_MONEY = (
    chart(
        "What becomes of payments?",
        "By the status that they got.",
        "reqps",
        rate("kurs_payments_total", "status", more='operation="pay"'),
        stacked=True,
    ),
    chart(
        "Why do payments fail?",
        "By the code of the failure.",
        "reqps",
        rate("kurs_payments_total", "failure", more='failure!=""'),
        stacked=True,
    ),
    chart(
        "How long do payments take?",
        "As the caller sees it. A dot is a traced payment: click it for its trace.",
        "s",
        *quantiles("http_server_request_duration_seconds", "", "", 0.5, 0.95, 0.99, more=_HTTP),
        exemplars=True,
        limits={"red": 0.25},
    ),
    chart(
        "Between which currencies?",
        "Payments by corridor.",
        "reqps",
        rate(
            "kurs_payments_total",
            "currency",
            "destination_currency",
            more='operation="pay"',
            legend="{{currency}} to {{destination_currency}}",
        ),
        stacked=True,
    ),
    chart(
        "How much money is captured?",
        "Major units a second, by the currency that was paid.",
        "none",
        rate("kurs_payments_captured_amount_total", "currency"),
    ),
    chart(
        "What else is done with payments?",
        "Captures, voids, refunds, approvals and refusals.",
        "reqps",
        rate("kurs_payments_total", "operation", more='operation!="pay"'),
        stacked=True,
    ),
    chart(
        "Who leaves outcomes open?",
        "Answers PROCESSING, by the service that gave no answer in time.",
        "reqps",
        rate("kurs_payments_processing_total", "dependency"),
        span=8,
    ),
    chart(
        "Does the sweeper finish them?",
        "Operations taken over, by whether they came to an end.",
        "reqps",
        rate("kurs_payments_swept_total", "result"),
        span=8,
    ),
    chart(
        "What does the sweeper give up?",
        "Operations that failed many times over and wait for a person.",
        "none",
        Query("max(kurs_payments_operations_set_aside{@})", "set aside"),
        span=8,
    ),
)

_EVENTS = (
    chart(
        "Do events reach their destinations?",
        "Requests of webhooks: delivered, refused, or without an answer.",
        "reqps",
        rate("kurs_webhooks_attempts_total", "result"),
        stacked=True,
        span=8,
    ),
    chart(
        "How many events wait?",
        "For all destinations together, the failing ones included.",
        "none",
        Query("sum(kurs_webhooks_waiting{@})", "waiting"),
        Query("max(kurs_webhooks_oldest_waiting_seconds{@})", "oldest, seconds"),
        span=8,
    ),
    chart(
        "How do destinations do?",
        "By state; a failing one took an event no more for three days.",
        "none",
        Query("sum by (state) (kurs_webhooks_destinations{@})", "{{state}}"),
        stacked=True,
        span=8,
    ),
)


def payments() -> dashboard.Dashboard:
    """Return the dashboard."""
    built = board(
        "kurs-payments",
        "Kurs / Payments overview",
        "What the business asks: how much is paid, where to, what fails and why, how soon.",
    )
    return filled(built, *_FIGURES, *_MONEY, *_EVENTS)
