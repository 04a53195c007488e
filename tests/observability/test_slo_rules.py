"""Each burn-rate alert fires when the budget burns, stays silent when it does not, and ends."""

from pathlib import Path

import pytest
from tests.observability.promtool import check, firing, needs_promtool

from kurs_observability.slo import BURNS, Burn, Slo, burn_alerts, load_slos, slo_groups

SLOS = {slo.name: slo for slo in load_slos()}
COUNTED = [slo for slo in SLOS.values() if slo.total]
_MINUTES = {"m": 1, "h": 60, "d": 1440}
_PER_STEP = 1_000_000
# Factor, long and short window of each pair, as the SRE workbook has them for 30 days
# (https://sre.google/workbook/alerting-on-slos/, "Multiwindow, Multi-Burn-Rate Alerts", and its
# table of recommended windows), the ticket of a day beside them.
WORKBOOK = {
    ("critical", 14.4, "1h", "5m"),
    ("critical", 6, "6h", "30m"),
    ("warning", 3, "1d", "2h"),
    ("warning", 1, "3d", "6h"),
}
_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
_HTTP = 'namespace="n",job="api-gateway",http_route="/payments",http_request_method="POST"'


def minutes(window: str) -> int:
    return int(window[:-1]) * _MINUTES[window[-1]]


def counters(slo: str, good: int, bad: int) -> dict[str, int]:
    """Return what each counter grows by in a step with so many good and bad events."""
    total = "http_server_request_duration_seconds_count"
    quick = "http_server_request_duration_seconds_bucket"
    return {
        "payments-availability": {
            f'{total}{{{_HTTP},http_response_status_code="200"}}': good,
            f'{total}{{{_HTTP},http_response_status_code="503"}}': bad,
        },
        "payments-latency": {
            f"{total}{{{_HTTP}}}": good + bad,
            f'{quick}{{{_HTTP},le="0.25"}}': good,
        },
        "rates-freshness": {
            'kurs_fx_quotes_total{namespace="n",result="quoted"}': good,
            'kurs_fx_quotes_total{namespace="n",result="stale_rate"}': bad,
        },
        "config-propagation": {
            'kurs_config_propagation_seconds_count{namespace="n"}': good + bad,
            'kurs_config_propagation_seconds_bucket{namespace="n",le="5.0"}': good,
        },
    }[slo]


def timeline(slo: Slo, phases: list[tuple[float, int]]) -> dict[str, str]:
    """Return values for phases of (share of bad events, steps)."""
    if slo.condition is not None:
        # A share of bad time is made of ten-step rounds, most of them good.
        values = "".join(_rounds(share, steps) for share, steps in phases)
        return {'kurs_payments_oldest_pending_seconds{namespace="n"}': values.strip()}
    lines: dict[str, list[str]] = {}
    level: dict[str, int] = {}
    for share, steps in phases:
        bad = round(share * _PER_STEP)
        for series, growth in counters(slo.name, _PER_STEP - bad, bad).items():
            start = level.get(series, 0)
            lines.setdefault(series, []).append(f"{start}+{growth}x{steps - 1}")
            level[series] = start + growth * steps
    return {series: " ".join(parts) for series, parts in lines.items()}


def _rounds(share: float, steps: int) -> str:
    bad_every = round(1 / share) if share else steps + 1
    return "".join(f"{90 if step % bad_every == 0 else 0} " for step in range(1, steps + 1))


def step_of(slo: Slo, window: str) -> int:
    """Return seconds between samples: a timed promise needs many for a small share to show."""
    return max(15, minutes(window) * 60 // (300 if slo.condition else 10))


@needs_promtool
@pytest.mark.parametrize("burn", BURNS, ids=lambda b: f"{b.long}-{b.short}")
@pytest.mark.parametrize("slo", SLOS.values(), ids=lambda s: s.name)
def test_a_pair_fires_and_ends(slo: Slo, burn: Burn, tmp_path: Path) -> None:
    step = step_of(slo, burn.short)
    calm, burning = 20, minutes(burn.long) * 60 // step + 10
    after = minutes(burn.short) * 60 // step * 2 + 10
    share = min(1.0, slo.budget * burn.factor * 1.5)
    alert = firing(slo.alert_name, burn.severity)
    ratio = f"slo:error_ratio:{burn.short} > bool {burn.factor * slo.budget}"
    check(
        tmp_path,
        slo_groups([slo]),
        timeline(slo, [(0, calm), (share, burning), (0, after)]),
        [
            (f"{(calm - 2) * step}s", alert, 0),
            (f"{(calm + burning - 2) * step}s", alert, 1),
            (f"{(calm + burning + after - 2) * step}s", ratio, 0),
        ],
        step=f"{step}s",
    )


@needs_promtool
@pytest.mark.parametrize("pair", sorted(WORKBOOK), ids=lambda p: f"{p[2]}-{p[3]}")
@pytest.mark.parametrize("slo", SLOS.values(), ids=lambda s: s.name)
def test_a_pair_fires_by_itself_and_by_both_its_windows(
    slo: Slo, pair: tuple[str, float, str, str], tmp_path: Path
) -> None:
    severity, factor, long, short = pair
    limit = factor * slo.budget
    over, under, enough = limit * 1.01, limit * 0.99, slo.least
    phases = [
        (over, over, enough, 1),
        (over, under, enough, 0),
        (under, over, enough, 0),
        (over, over, enough - 1, 0 if slo.least else 1),
        (over, over, enough, 1),
    ]
    ratios = [{long: a, short: b} for a, b, _, _ in phases]
    series = {
        f'slo:error_ratio:{window}{{slo="{slo.name}",namespace="n"}}': " ".join(
            str(ratio.get(window, 0)) for ratio in ratios
        )
        for window in _WINDOWS
    }
    events = f'slo:events:{long}{{slo="{slo.name}",namespace="n"}}'
    series[events] = " ".join(str(count) for _, _, count, _ in phases)
    rules = [alert.rule() for alert in burn_alerts(slo)]
    levels = ("critical", "warning")
    expected = [
        (f"{minute}m", firing(slo.alert_name, level), fires if level == severity else 0)
        for minute, (_, _, _, fires) in enumerate(phases)
        for level in levels
    ]
    check(tmp_path, [{"name": "alerts", "rules": rules}], series, expected)


@needs_promtool
@pytest.mark.parametrize("slo", COUNTED, ids=lambda s: s.name)
def test_the_first_burst_of_bad_events_counts(slo: Slo, tmp_path: Path) -> None:
    # Series are there at zero from the start: one that is born with its value grows by nothing.
    grown = {series: f"0x9 {growth}x5" for series, growth in counters(slo.name, 400, 600).items()}
    alert = firing(slo.alert_name, "critical")
    check(tmp_path, slo_groups([slo]), grown, [("9m", alert, 0), ("11m", alert, 1)])


@needs_promtool
@pytest.mark.parametrize("slo", SLOS.values(), ids=lambda s: s.name)
def test_a_burn_within_the_budget_is_silent(slo: Slo, tmp_path: Path) -> None:
    series = timeline(slo, [(slo.budget * 0.5, 400)])
    silent = [("390m", firing(slo.alert_name, level), 0.0) for level in ("critical", "warning")]
    check(tmp_path, slo_groups([slo]), series, silent)


@needs_promtool
@pytest.mark.parametrize("slo", SLOS.values(), ids=lambda s: s.name)
def test_a_page_ends_soon_after_the_trouble(slo: Slo, tmp_path: Path) -> None:
    alert = firing(slo.alert_name, "critical")
    series = timeline(slo, [(0, 10), (1.0, 30), (0, 60)])
    expected = [("8m", alert, 0.0), ("39m", alert, 1.0), ("95m", alert, 0.0)]
    check(tmp_path, slo_groups([slo]), series, expected)


@needs_promtool
@pytest.mark.parametrize("slo", [s for s in COUNTED if s.least > 1], ids=lambda s: s.name)
def test_a_handful_of_events_wakes_nobody(slo: Slo, tmp_path: Path) -> None:
    few = {series: f"0+{growth}x30" for series, growth in counters(slo.name, 0, 1).items()}
    silent = [("70m", firing(slo.alert_name, "critical"), 0.0)]
    check(tmp_path, slo_groups([slo]), few, silent, step="4m")


def test_a_promise_is_counted_or_timed() -> None:
    with pytest.raises(ValueError, match="give total and bad, or condition"):
        Slo(name="a-b", objective=99, promise="", dashboard="d", total="x", bad="y", condition="z")
