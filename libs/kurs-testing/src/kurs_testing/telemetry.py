"""Telemetry whose spans a test can look at."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from kurs.telemetry import Telemetry
from kurs.telemetry.metrics import Metrics


class RecordingTelemetry(Telemetry):
    """Telemetry that keeps its spans in memory and logs warnings only."""

    def __init__(self, service: str, *, trace_ratio: float = 1.0) -> None:
        super().__init__(
            service,
            instance="test",
            trace_ratio=trace_ratio,
            log_level="warning",
            metrics=Metrics(process=False),
        )
        self._memory = InMemorySpanExporter()
        self.export_by(SimpleSpanProcessor(self._memory))

    def spans(self) -> Sequence[ReadableSpan]:
        """Return the spans that ended, in that order."""
        return self._memory.get_finished_spans()
