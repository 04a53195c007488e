"""Promises (observability/slos.yaml) and the multi-window, multi-burn-rate rules they become.

The windows and factors are those of the SRE workbook for 30 days: a page when 2 % of the budget
burns within 1 h or 5 % within 6 h, a ticket for 10 % within 1 d or 3 d. The short window of a
pair makes the alert end soon after the trouble does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from kurs_observability.alert import Alert, Severity

FILE = Path(__file__).resolve().parents[2] / "slos.yaml"
RATIO = "slo:error_ratio"
EVENTS = "slo:events"
BAD_TIME = "slo:bad_time:now"


@dataclass(frozen=True, slots=True)
class Burn:
    """Alert when the budget burns `factor` times too fast over both windows."""

    factor: float
    long: str
    short: str
    severity: Severity


BURNS = (
    Burn(14.4, "1h", "5m", "critical"),
    Burn(6, "6h", "30m", "critical"),
    Burn(3, "1d", "2h", "warning"),
    Burn(1, "3d", "6h", "warning"),
)
_QUICK = ("5m", "30m", "1h", "2h")
_SLOW = ("6h", "1d", "3d")


class Slo(BaseModel):
    """One promise; either counted (`total`, `bad`, `least`) or timed (`condition`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z]+(-[a-z]+)+$")
    objective: float = Field(gt=0, lt=100)
    promise: str
    dashboard: str
    total: str | None = None
    bad: str | None = None
    least: int = 0
    condition: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        counted = self.total is not None and self.bad is not None
        if counted == (self.condition is not None):
            raise ValueError(f"{self.name}: give total and bad, or condition")
        return self

    @property
    def budget(self) -> float:
        """The share that may be bad, such as 0.001."""
        return round(1 - self.objective / 100, 6)

    @property
    def alert_name(self) -> str:
        """`payments-latency` becomes `KursPaymentsLatencyBurn`."""
        return f"Kurs{''.join(part.title() for part in self.name.split('-'))}Burn"


def load_slos() -> list[Slo]:
    """Return the promises; raises pydantic.ValidationError."""
    return [Slo.model_validate(item) for item in yaml.safe_load(FILE.read_text("utf-8"))["slos"]]


def slo_groups(slos: list[Slo], shorten: float = 1) -> list[dict[str, Any]]:
    """Return the groups of rules of all promises.

    `shorten` divides every window, for tests on a live Prometheus that have no three days; names
    of series keep the real windows.
    """
    return [
        {
            "name": "kurs-slo-quick",
            "interval": "5s" if shorten > 1 else "30s",
            "rules": [rule for slo in slos for rule in _records(slo, _QUICK, shorten)],
        },
        {
            "name": "kurs-slo-slow",
            "interval": "5s" if shorten > 1 else "2m",
            "rules": [rule for slo in slos for rule in _records(slo, _SLOW, shorten)],
        },
        {
            "name": "kurs-slo-alerts",
            "rules": [alert.rule() for slo in slos for alert in burn_alerts(slo)],
        },
    ]


def burn_alerts(slo: Slo) -> Iterator[Alert]:
    """Yield the page and the ticket of a promise."""
    severities: tuple[Severity, ...] = ("critical", "warning")
    for severity in severities:
        pairs = [burn for burn in BURNS if burn.severity == severity]
        yield Alert(
            name=slo.alert_name,
            severity=severity,
            expr="\nor ".join(_burning(slo, burn) for burn in pairs),
            wait="0m",
            summary=f"{slo.name} burns its error budget in {{{{ $labels.namespace }}}}",
            description=f"Promised for {slo.objective:g} %: {slo.promise}"
            " Bad now: {{ $value | humanizePercentage }}.",
            dashboard=slo.dashboard,
        )


def _burning(slo: Slo, burn: Burn) -> str:
    of = f'{{slo="{slo.name}"}}'
    limit = f"{burn.factor * slo.budget:.6g}"
    terms = [f"{RATIO}:{burn.long}{of} > {limit}", f"{RATIO}:{burn.short}{of} > {limit}"]
    if slo.least:
        terms.append(f"{EVENTS}:{burn.long}{of} >= {slo.least}")
    return f"({' and '.join(terms)})"


def _records(slo: Slo, windows: tuple[str, ...], shorten: float) -> Iterator[dict[str, Any]]:
    if slo.condition is not None and windows is _QUICK:
        yield _record(BAD_TIME, slo, slo.condition)
    for window in windows:
        if slo.total is not None and slo.bad is not None:
            events = f"{EVENTS}:{window}"
            yield _record(events, slo, _over(slo.total, window, shorten))
            total = f'sum by (namespace) ({events}{{slo="{slo.name}"}} > 0)'
            bad = _over(slo.bad, window, shorten)
            # Without a bad event there is no series of bad ones, which is a ratio of zero.
            yield _record(f"{RATIO}:{window}", slo, f"(({bad}) or {total} * 0) / {total}")
        else:
            recorded = f'avg_over_time({BAD_TIME}{{slo="{slo.name}"}}[$window])'
            yield _record(f"{RATIO}:{window}", slo, _over(recorded, window, shorten))


def _record(name: str, slo: Slo, expr: str) -> dict[str, Any]:
    return {"record": name, "expr": expr, "labels": {"slo": slo.name}}


def _over(text: str, window: str, shorten: float) -> str:
    if shorten == 1:
        return text.replace("$window", window)
    seconds = {"m": 60, "h": 3600, "d": 86400}[window[-1]] * int(window[:-1])
    return text.replace("$window", f"{max(15, round(seconds / shorten))}s")
