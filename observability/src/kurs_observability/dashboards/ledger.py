"""Ledger and risk: is money conserved, what moves, what is refused."""

from grafana_foundation_sdk.builders import dashboard

from kurs_observability.dashboards.frame import Query, board, chart, filled, number, quantiles, rate

_NEVER = {"red": 1}
_CONSERVED = (
    number(
        "Does every currency sum to zero?",
        "Largest sum over all postings, in minor units: 0, always.",
        "none",
        "max(abs(kurs_wallet_ledger_imbalance{@}))",
        limits=_NEVER,
        span=4,
    ),
    number(
        "Was the ledger touched?",
        "What the audit found that is not as it was committed; the log names it.",
        "none",
        "max(kurs_wallet_ledger_findings{@})",
        limits=_NEVER,
        span=4,
    ),
    number(
        "Is a paid payment missing?",
        "Captured payments that the ledger does not have, until it has them.",
        "none",
        "max(kurs_payments_missing{@})",
        limits=_NEVER,
        span=4,
    ),
    number(
        "Is a transfer unknown to payments?",
        "Transfers in the ledger that no payment asked for.",
        "none",
        "max(kurs_payments_unknown_transfers{@})",
        limits=_NEVER,
        span=4,
    ),
    number(
        "Is a customer below the limit?",
        "Balances below zero or their overdraft.",
        "none",
        "max(kurs_wallet_customers_below_limit{@})",
        limits=_NEVER,
        span=4,
    ),
    number(
        "When was that looked at?",
        "Seconds since the last audit.",
        "s",
        "time() - max(kurs_wallet_ledger_audit_timestamp_seconds{@})",
        limits={"yellow": 90, "red": 300},
        span=4,
    ),
)

_TRANSFERS = (
    chart(
        "What moves?",
        "Transfers answered, by kind and status.",
        "ops",
        rate("kurs_wallet_transfers_total", "kind", "status"),
        stacked=True,
    ),
    chart(
        "Why are transfers refused?",
        "By code.",
        "ops",
        rate("kurs_wallet_transfers_total", "code", more='code!=""'),
        stacked=True,
    ),
    chart(
        "How long does a commit take?",
        "Write transactions of the wallet.",
        "s",
        *quantiles(
            "kurs_database_transaction_duration_seconds",
            "",
            "",
            0.5,
            0.99,
            more=',job="wallet",kind="write"',
        ),
    ),
    chart(
        "How much is held?",
        "Holds neither captured nor released.",
        "none",
        Query("max(kurs_wallet_holds_open{@})", "open holds"),
    ),
    chart(
        "How many transfers share a commit?",
        "Mean size of the ledger's batches.",
        "none",
        Query(
            'sum(rate(kurs_batch_size_sum{@,job="wallet"}[$__rate_interval]))'
            ' / sum(rate(kurs_batch_size_count{@,job="wallet"}[$__rate_interval]))',
            "items",
        ),
    ),
    chart(
        "How long are the hash chains?",
        "Links of each chain, one per committed batch; a chain only grows.",
        "none",
        Query("max by (chain) (kurs_wallet_ledger_head_sequence{@})", "{{chain}}"),
    ),
    chart(
        "Are payments looked up again?",
        "Captured payments asked for in the ledger, by result.",
        "ops",
        rate("kurs_payments_reconciled_total", "result"),
    ),
)

_DECISIONS = (
    chart(
        "What does risk decide?",
        "New decisions of thresholds that are enforced.",
        "ops",
        rate("kurs_risk_decisions_total", "decision", more='mode="enforce"'),
        stacked=True,
    ),
    chart(
        "What would thresholds on trial decide?",
        "Decisions in shadow mode: counted, without effect.",
        "ops",
        rate("kurs_risk_decisions_total", "decision", more='mode="shadow"'),
    ),
    chart(
        "Which rules find something?",
        "By rule, mode and the outcome that they were part of.",
        "ops",
        rate("kurs_risk_rule_hits_total", "rule", "mode", "outcome"),
    ),
    chart(
        "What becomes of scored items?",
        "By result; `replayed` were decided before.",
        "ops",
        rate("kurs_risk_attempts_total", "result"),
    ),
    chart(
        "How old are the rates that limits compare by?",
        "Seconds since fx last confirmed them.",
        "s",
        Query("max by (instance) (kurs_risk_rates_age_seconds{@})", "{{instance}}"),
        limits={"red": 300},
    ),
)


def ledger() -> dashboard.Dashboard:
    """Return the dashboard."""
    built = board(
        "kurs-ledger-risk",
        "Kurs / Ledger and risk",
        "Whether money is conserved, what the ledger does, and what risk decides.",
        jobs="wallet|payments|risk",
    )
    return filled(built, *_CONSERVED, *_TRANSFERS, *_DECISIONS)
