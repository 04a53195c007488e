"""Telemetry of one app: its registry, tracer and logger, made once by the composition root."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Thread

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.trace import (
    INVALID_SPAN,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Tracer,
    get_current_span,
    set_span_in_context,
    use_span,
)
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from structlog.typing import FilteringBoundLogger

from kurs.kernel.settings import ServiceSettings
from kurs.telemetry.baggage import MerchantOnSpans, with_baggage
from kurs.telemetry.export import batch_processor
from kurs.telemetry.logs import create_logger, route_standard_logging, standard_output
from kurs.telemetry.metrics import HTTP_DURATION_BUCKETS, Metrics
from kurs.telemetry.tracing import (
    SAMPLED_ROOT,
    DecidedSampler,
    may_be_sampled,
    parent_based,
    parse_traceparent,
    unsampled_span,
)

_SHUTDOWN_SECONDS = 3.0


class Telemetry:
    """Metrics, traces and logs of one app.

    Nothing in it is global, so that five apps can live in one process and be told apart.
    """

    def __init__(
        self,
        service: str,
        *,
        instance: str,
        trace_ratio: float,
        log_level: str,
        metrics: Metrics,
    ) -> None:
        self.service = service
        self.instance = instance
        self.log_level = log_level
        self.metrics = metrics
        self.sampler = DecidedSampler(trace_ratio)
        self.provider = TracerProvider(
            sampler=parent_based(self.sampler),
            resource=Resource.create({"service.name": service, "service.instance.id": instance}),
            shutdown_on_exit=False,
        )
        self.provider.add_span_processor(MerchantOnSpans())
        self.tracer: Tracer = self.provider.get_tracer("kurs")
        self.logger: FilteringBoundLogger = create_logger(
            service, instance, log_level, standard_output()
        )
        self.lost_lines = self.counter(
            "kurs_log_lines_dropped_total", "Lines of the log that could not be written"
        )
        self._processor: SpanProcessor | None = None

    @classmethod
    def of(cls, settings: ServiceSettings) -> "Telemetry":
        """Return the telemetry that a service's settings ask for; raises ValueError as `create`."""
        return cls.create(
            settings.service,
            instance=settings.instance_name(),
            trace_ratio=settings.trace_ratio,
            otlp_endpoint=settings.otlp_endpoint,
            log_level=settings.log_level,
        )

    @classmethod
    def create(
        cls,
        service: str,
        *,
        instance: str,
        trace_ratio: float,
        otlp_endpoint: str,
        log_level: str,
    ) -> "Telemetry":
        """Return the telemetry of a process.

        Spans go to `<otlp_endpoint>/v1/traces` by OTLP over HTTP, in the background; nowhere when
        it is empty. Raises ValueError for a ratio outside 0..1 or an unknown log level.
        """
        telemetry = cls(
            service,
            instance=instance,
            trace_ratio=trace_ratio,
            log_level=log_level,
            metrics=Metrics(process=True),
        )
        if otlp_endpoint:
            telemetry.export_by(batch_processor(otlp_endpoint, telemetry.metrics))
        return telemetry

    def export_by(self, processor: SpanProcessor) -> None:
        """Let `processor` have every span that ends; `shutdown` ends it, too."""
        self._processor = processor
        self.provider.add_span_processor(processor)

    @property
    def registry(self) -> CollectorRegistry:
        """The registry behind `/metrics`; never the global one."""
        return self.metrics.registry

    def counter(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
        """Return the counter `name` (it ends in `_total`), the same one each time."""
        return self.metrics.counter(name, documentation, labels)

    def gauge(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Gauge:
        """Return the gauge `name`, the same one each time."""
        return self.metrics.gauge(name, documentation, labels)

    def histogram(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        buckets: Sequence[float] = HTTP_DURATION_BUCKETS,
    ) -> Histogram:
        """Return the histogram `name`, the same one each time; seconds by default."""
        return self.metrics.histogram(name, documentation, labels, buckets=buckets)

    @contextmanager
    def batch_span(self, name: str, members: Iterable[str | None]) -> Iterator[Span]:
        """Make a span current for the work of a batch; it links to its sampled `members`.

        `members` are traceparents as `inject` gives them. The batch gets a trace of its own: it
        belongs to many payments, so it is no child of one. It is recorded when any member is
        sampled; else the current span is an unsampled one, and no call inside samples anew.
        """
        contexts = [c for c in map(parse_traceparent, members) if c and c.trace_flags & 1]
        if not contexts:
            with use_span(unsampled_span()) as span:
                yield span
            return
        with self.tracer.start_as_current_span(
            name, SAMPLED_ROOT, SpanKind.INTERNAL, links=[Link(c) for c in contexts]
        ) as span:
            yield span

    def item_span(self, name: str, traceparent: str | None, baggage: str | None = None) -> Span:
        """Start the span of one item of a received batch; end it with `.end()` or `with`.

        It is a child of the item's own trace, has what its baggage tells, and links to the current
        span, which carries the whole batch. It is not made current. An item without a sampled
        `traceparent` gets a span that records nothing.
        """
        parent = parse_traceparent(traceparent) if may_be_sampled(traceparent) else None
        if parent is None or not parent.trace_flags & 1:
            return INVALID_SPAN
        carrier = get_current_span().get_span_context()
        return self.tracer.start_span(
            name,
            set_span_in_context(NonRecordingSpan(parent), with_baggage(baggage, SAMPLED_ROOT)),
            SpanKind.CONSUMER,
            links=_link(carrier),
        )

    def route_standard_logging(self) -> None:
        """Let what libraries log look like the logs of the service; for a process's main only."""
        route_standard_logging(self.service, self.instance, self.log_level, standard_output())

    def shutdown(self) -> None:
        """Send what is left of the spans, for 3 seconds at most; the last thing a process does."""
        if self._processor is not None:
            # The SDK waits up to 30 s for a collector that is gone; a pod is killed before.
            flush = Thread(target=self._processor.shutdown, name="flush-spans", daemon=True)
            flush.start()
            flush.join(_SHUTDOWN_SECONDS)


def _link(context: SpanContext) -> list[Link]:
    return [Link(context)] if context.is_valid else []
