"""FX: rates, how old they are, who gives them, what is sold by them."""

from grafana_foundation_sdk.builders import dashboard

from kurs_observability.dashboards.frame import Query, board, chart, filled, listing, number, rate

_AGE = "kurs_fx_rate_age_seconds{@} / kurs_fx_rate_max_age_seconds{@}"
_FRESHEST = f"min by (base, quote) (max by (base, quote, source) ({_AGE}))"
_STALE = 'sum(rate(kurs_fx_quotes_total{@,result="stale_rate"}[$__rate_interval]))'
_QUOTES = (
    number(
        "How many pairs have no fresh rate?",
        "Pairs whose every source is older than it may be.",
        "none",
        f"count({_FRESHEST} > 1) or vector(0)",
        limits={"red": 1},
    ),
    number(
        "How many quotes find only stale rates?",
        "Refused with stale_rate.",
        "reqps",
        f"{_STALE} or vector(0)",
        limits={"red": 0.01},
    ),
    number(
        "How many sources are unwell?",
        "Sources whose last refresh did not give every rate.",
        "none",
        "count(min by (source) (kurs_fx_source_healthy{@}) == 0) or vector(0)",
        limits={"yellow": 1},
    ),
    chart(
        "What becomes of quotes?",
        "By result: quoted, skipped, or the code of the refusal.",
        "reqps",
        rate("kurs_fx_quotes_total", "result"),
        span=12,
        stacked=True,
    ),
    chart(
        "What is held open against the house?",
        "What merchants may take or leave: holds, refunds of a day at rates of payments, quotes.",
        "none",
        Query("max by (currency, part) (kurs_payments_exposure{@})", "{{currency}}: {{part}}"),
        Query("sum by (currency) (kurs_fx_open_quotes{@})", "{{currency}}: quotes"),
        span=12,
    ),
    chart(
        "What is given back, at which rate?",
        "Refunds across currencies per second, in major units: the payment's rate, or the present.",
        "none",
        rate(
            "kurs_payments_refunded_amount_total",
            "currency",
            "rate",
            more='rate!="none"',
        ),
        span=12,
    ),
    chart(
        "What is quoted, by whose rate?",
        "Quotes given, by pair and source.",
        "reqps",
        rate(
            "kurs_fx_quotes_priced_total",
            "base",
            "quote",
            "source",
            legend="{{base}}/{{quote}} {{source}}",
        ),
        span=12,
        stacked=True,
    ),
)

_SOURCES = (
    chart(
        "How old are rates, for what is allowed?",
        "The oldest of each source; from 1 on it is not used.",
        "percentunit",
        Query(f"max by (source) ({_AGE})", "{{source}}"),
        span=12,
        limits={"red": 1},
    ),
    chart(
        "Do sources answer?",
        "Refreshes by result; `partial` gave rates that were refused.",
        "ops",
        rate("kurs_fx_refresh_total", "source", "result"),
        span=12,
    ),
    listing(
        "What is the mid rate?",
        "Units of quote for one base, by source.",
        "none",
        "max by (base, quote, source) (kurs_fx_rate{@})",
    ),
    chart(
        "What is not believed, and why?",
        "Rates and answers that were refused, by reason.",
        "ops",
        rate("kurs_fx_source_rejections_total", "source", "reason"),
        span=12,
    ),
    chart(
        "What does the house hold?",
        "Liquidity by currency, major units; below zero it has sold more than it bought.",
        "none",
        Query(
            'max by (currency) (kurs_wallet_house_position{@,account="house:liquidity"})',
            "{{currency}}",
        ),
        signed=True,
        span=12,
    ),
    chart(
        "What does the spread earn?",
        "Revenue from exchange by currency, major units.",
        "none",
        Query(
            'max by (currency) (kurs_wallet_house_position{@,account="house:fx-revenue"})',
            "{{currency}}",
        ),
        span=12,
    ),
)


def exchange() -> dashboard.Dashboard:
    """Return the dashboard."""
    built = board(
        "kurs-fx",
        "Kurs / FX",
        "Rates and their ages, the sources behind them, and the position that the house takes.",
        jobs="fx|wallet|risk",
    )
    return filled(built, *_QUOTES, *_SOURCES)
