"""Prometheus instruments of one app: own registry, one instrument per name, two formats."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import MetricWrapperBase

# The `_created` series double the number of series and nothing here asks for them.
disable_created_metrics()  # type: ignore[no-untyped-call]

# OpenTelemetry's HTTP semantic conventions advise these bounds, in seconds.
HTTP_DURATION_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip

InstrumentT = TypeVar("InstrumentT", bound=MetricWrapperBase)


class Metrics:
    """The instruments of one app.

    Asking twice for a name gives the same instrument, so that several clients or batchers of an
    app share one series and differ by label. Asking with another kind or other labels raises
    ValueError.
    """

    def __init__(self, *, process: bool) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._made: dict[str, tuple[tuple[str, ...], MetricWrapperBase]] = {}
        if process:
            ProcessCollector(registry=self.registry)
            PlatformCollector(registry=self.registry)

    def counter(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
        """Return the counter `name`, which ends in `_total`."""
        if not name.endswith("_total"):
            raise ValueError(f"a counter ends in _total, not {name!r}")
        return self._instrument(
            Counter,
            name,
            labels,
            lambda: Counter(name, documentation, labels, registry=self.registry),
        )

    def gauge(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Gauge:
        """Return the gauge `name`."""
        return self._instrument(
            Gauge, name, labels, lambda: Gauge(name, documentation, labels, registry=self.registry)
        )

    def histogram(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        buckets: Sequence[float] = HTTP_DURATION_BUCKETS,
    ) -> Histogram:
        """Return the histogram `name`; bounds in the unit that its name ends in."""
        return self._instrument(
            Histogram,
            name,
            labels,
            lambda: Histogram(
                name, documentation, labels, registry=self.registry, buckets=tuple(buckets)
            ),
        )

    def _instrument(
        self,
        kind: type[InstrumentT],
        name: str,
        labels: Sequence[str],
        make: Callable[[], InstrumentT],
    ) -> InstrumentT:
        known = self._made.get(name)
        if known is None:
            made = make()
            self._made[name] = (tuple(labels), made)
            return made
        known_labels, instrument = known
        if not isinstance(instrument, kind) or known_labels != tuple(labels):
            raise ValueError(f"{name} exists already as another kind or with other labels")
        return instrument


def stop_counting() -> None:
    """Let every instrument of this process ignore what it is told, for good."""

    def ignore(*_: object, **__: object) -> None:
        pass

    for kind, method in ((Counter, "inc"), (Gauge, "inc"), (Gauge, "dec"), (Gauge, "set")):
        setattr(kind, method, ignore)
    Histogram.observe = ignore  # type: ignore[method-assign]


def render_metrics(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    """Return the exposition of `registry` and its content type.

    OpenMetrics, which alone carries exemplars, when `accept` asks for it; else the Prometheus
    text format.
    """
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
