"""Each burn-rate alert fires when the budget burns, stays silent when it does not, and ends."""

from pathlib import Path

import pytest
from tests.observability.promtool import check, firing, needs_promtool

from kurs_observability.slo import BURNS, Burn, Slo, load_slos, slo_groups

SLOS = {slo.name: slo for slo in load_slos()}
COUNTED = [slo for slo in SLOS.values() if slo.total]
_MINUTES = {"m": 1, "h": 60, "d": 1440}
_PER_STEP = 1_000_000
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
            'fx_quotes_total{namespace="n",result="quoted"}': good,
            'fx_quotes_total{namespace="n",result="stale_rate"}': bad,
        },
        "config-propagation": {
            'config_propagation_seconds_count{namespace="n"}': good + bad,
            'config_propagation_seconds_bucket{namespace="n",le="5.0"}': good,
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
