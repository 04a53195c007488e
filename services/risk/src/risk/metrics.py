"""What risk measures. Labels come from fixed sets, never from ids."""

from prometheus_client import Counter

from kurs.telemetry import Telemetry
from risk.domain.evaluation import Verdict
from risk.shadow import ShadowTally

ENFORCE = "enforce"
SHADOW = "shadow"


class RiskMetrics:
    """The counters of risk. `mode` is `enforce` for what decides, `shadow` for what only would."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._attempts = telemetry.counter(
            "kurs_risk_attempts_total",
            "Scored items by result: scored, replayed, conflict, skipped or failed",
            ("result",),
        )
        self._decisions = telemetry.counter(
            "kurs_risk_decisions_total",
            "New decisions; in shadow mode one for each shadow threshold",
            ("decision", "mode"),
        )
        self._hits = telemetry.counter(
            "kurs_risk_rule_hits_total",
            "Rules that found something, with the outcome that they were part of",
            ("rule", "mode", "outcome"),
        )
        self.rate_refreshes = telemetry.counter(
            "kurs_risk_rates_refresh_total",
            "Refreshes of the rates from fx: ok or failed",
            ("result",),
        )
        self.rates_age = telemetry.gauge(
            "kurs_risk_rates_age_seconds", "Seconds since fx last confirmed its rates"
        )
        self.removed_buckets = telemetry.counter(
            "kurs_risk_velocity_buckets_removed_total", "Velocity buckets that no window reached"
        )
        self.shadow = ShadowTally()
        self._children: dict[tuple[str, ...], Counter] = {}

    def attempt(self, result: str, count: int = 1) -> None:
        """Count items by what became of them."""
        self._child(self._attempts, result).inc(count)

    def verdict(self, verdict: Verdict) -> None:
        """Count a new decision and the rules behind it."""
        outcome = verdict.outcome.word
        self._child(self._decisions, outcome, ENFORCE).inc()
        for reason in verdict.reasons:
            self._child(self._hits, reason.rule, ENFORCE, outcome).inc()
        for found in verdict.shadow:
            self._child(self._decisions, found.outcome.word, SHADOW).inc()
            self.shadow.count(found.threshold.name, found.outcome.word)
            for reason in found.reasons:
                self._child(self._hits, reason.rule, SHADOW, found.outcome.word).inc()

    def _child(self, counter: Counter, *labels: str) -> Counter:
        # The number of labels tells the three counters apart; looking a child up in a dictionary
        # of our own spares prometheus_client's lock.
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = counter.labels(*labels)
        return child
