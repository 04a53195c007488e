"""Spans on their way to a collector: OTLP over HTTP, batched, counted, bounded at shutdown."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from kurs.telemetry.metrics import Metrics

_TIMEOUT_SECONDS = 3.0


class CountedExporter(SpanExporter):
    """Counts the spans of another exporter by what became of them."""

    def __init__(self, exporter: SpanExporter, metrics: Metrics) -> None:
        self._exporter = exporter
        spans = metrics.counter(
            "kurs_trace_spans_exported_total",
            "Spans handed to the collector, by result",
            ("result",),
        )
        self._sent, self._lost = spans.labels("sent"), spans.labels("lost")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send `spans` and count them as sent or lost."""
        result = self._exporter.export(spans)
        counter = self._sent if result is SpanExportResult.SUCCESS else self._lost
        counter.inc(len(spans))
        return result

    def shutdown(self) -> None:
        """Close the connection to the collector."""
        self._exporter.shutdown()


def batch_processor(endpoint: str, metrics: Metrics) -> BatchSpanProcessor:
    """Return a processor that sends spans to `<endpoint>/v1/traces` from a thread of its own."""
    # Imported here: protobuf and requests cost a process that exports nothing 0.2 s at its start.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(
        endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT_SECONDS
    )
    return BatchSpanProcessor(CountedExporter(exporter, metrics))
