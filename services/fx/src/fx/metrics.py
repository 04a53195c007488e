"""What fx measures. Labels come from the configuration and from fixed sets, never from requests."""

from collections.abc import Callable, Iterator

from prometheus_client import Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fx.domain.open_quotes import OpenQuotes
from fx.domain.rates import SourceRates
from kurs.kernel.clock import MICROS, Clock
from kurs.kernel.money import exponent
from kurs.telemetry import Telemetry


class FxMetrics:
    """The counters of fx."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._quotes = telemetry.counter("kurs_fx_quotes_total", "Quotes by result", ("result",))
        # The promise of fresh rates counts both from the first one on.
        self._children = {word: self._quotes.labels(word) for word in ("quoted", "stale_rate")}
        self._priced = telemetry.counter(
            "kurs_fx_quotes_priced_total",
            "Quotes given, by pair and by the source of their rate",
            ("base", "quote", "source"),
        )
        self._pairs: dict[tuple[str, str, str], Counter] = {}
        self.refreshes = telemetry.counter(
            "kurs_fx_refresh_total",
            "Refreshes of a rate source: ok, partial (some rates refused) or failed",
            ("source", "result"),
        )
        self.rejections = telemetry.counter(
            "kurs_fx_source_rejections_total",
            "What a rate source said and was not believed, by reason",
            ("source", "reason"),
        )

    def quoted(self, result: str, count: int = 1) -> None:
        """Count quotes: `quoted`, `skipped`, or the code of a refusal."""
        child = self._children.get(result)
        if child is None:
            child = self._children[result] = self._quotes.labels(result)
        child.inc(count)

    def priced(self, base: str, quote: str, source: str) -> None:
        """Count a quote of a pair that the configuration serves."""
        child = self._pairs.get((base, quote, source))
        if child is None:
            child = self._pairs[base, quote, source] = self._priced.labels(base, quote, source)
        child.inc()


class RateCollector(Collector):
    """Reads rates, ages and health when Prometheus asks, so that an age is true at that moment.

    A source that leaves the configuration leaves these metrics with it. `view` gives each source
    with its health.
    """

    def __init__(self, view: Callable[[], list[tuple[SourceRates, bool]]], clock: Clock) -> None:
        self._view = view
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        rate = GaugeMetricFamily(
            "kurs_fx_rate",
            "Mid rate: units of quote for one base",
            labels=("base", "quote", "source"),
        )
        age = GaugeMetricFamily(
            "kurs_fx_rate_age_seconds", "Age of a source's rate", labels=("base", "quote", "source")
        )
        limit = GaugeMetricFamily(
            "kurs_fx_rate_max_age_seconds",
            "Age from which a source's rate is not used; years for rates that are dated on purpose",
            labels=("base", "quote", "source"),
        )
        healthy = GaugeMetricFamily(
            "kurs_fx_source_healthy",
            "1 when the last refresh of a source gave every rate, else 0",
            labels=("source",),
        )
        now = self._clock.now()
        for rates, is_healthy in self._view():
            name, base = rates.terms.name, rates.terms.base
            healthy.add_metric((name,), float(is_healthy))
            for quote, seen in rates.observed.items():
                labels = (base, quote, name)
                rate.add_metric(labels, float(seen.mid))
                age.add_metric(labels, max(0, now - seen.as_of) / MICROS)
                terms = rates.terms.terms_for(quote)
                if terms is not None:
                    limit.add_metric(labels, terms.max_age / MICROS)
        yield from (rate, age, limit, healthy)


class OpenQuotesCollector(Collector):
    """Reads what is quoted when Prometheus asks, so that what has expired is not in it."""

    def __init__(self, quotes: OpenQuotes, clock: Clock) -> None:
        self._quotes = quotes
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Yield the gauge."""
        quoted = GaugeMetricFamily(
            "kurs_fx_open_quotes",
            "What is quoted to merchants and not expired, in major units of the paid currency",
            labels=("currency",),
        )
        for currency, minor in self._quotes.totals(self._clock.now()).items():
            quoted.add_metric((currency,), minor / 10 ** exponent(currency))
        yield quoted
