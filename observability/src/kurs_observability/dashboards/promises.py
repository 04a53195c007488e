"""SLOs: how much of each error budget is left and how fast it burns; made from slos.yaml."""

from grafana_foundation_sdk.builders import dashboard

from kurs_observability.dashboards.frame import NAMESPACE, Query, board, chart, listing, number
from kurs_observability.slo import RATIO, Slo, load_slos


def promises() -> dashboard.Dashboard:
    """Return the dashboard."""
    built = board(
        "kurs-slos",
        "Kurs / SLOs",
        "What is promised, whether it is kept, and how fast error budgets burn.",
    )
    built = built.with_panel(
        listing(
            "Which alerts are firing or about to?",
            "All alerts of Kurs in this namespace; each links its runbook.",
            "none",
            f'ALERTS{{{NAMESPACE},part_of="kurs"}}',
            hidden=("part_of", "namespace", "Value"),
            span=24,
        )
    )
    for slo in load_slos():
        built = _promise(built, slo)
    return built


def _promise(built: dashboard.Dashboard, slo: Slo) -> dashboard.Dashboard:
    of = f'{{{NAMESPACE},slo="{slo.name}"}}'
    words = slo.name.replace("-", " ")
    return (
        built.with_row(dashboard.Row(words.capitalize()))
        .with_panel(
            number(
                f"Is the promise kept for {words}?",
                f"{slo.promise} Promised for {slo.objective:g} %; share of the last three days.",
                "percentunit",
                f"1 - max({RATIO}:3d{of})",
                span=6,
            )
        )
        .with_panel(
            number(
                f"How much budget did {words} use?",
                "In the last three days; 0.1 is what three days of thirty may use.",
                "percentunit",
                f"max({RATIO}:3d{of}) / {slo.budget:g} / 10",
                limits={"yellow": 0.1, "red": 0.5},
                span=6,
            )
        )
        .with_panel(
            chart(
                f"How fast does the budget of {words} burn?",
                "1 uses it up in 30 days; 14.4 over an hour wakes somebody.",
                "none",
                *(
                    Query(f"max({RATIO}:{window}{of}) / {slo.budget:g}", window)
                    for window in ("5m", "1h", "6h", "3d")
                ),
                span=12,
                limits={"yellow": 1, "red": 14.4},
            )
        )
    )
