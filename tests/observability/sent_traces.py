"""Traces that a test sends to a Collector: what is the matter with each, and what came out."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from kurs.telemetry import Telemetry
from kurs.telemetry.export import batch_processor


@dataclass
class Traces:
    """Traces by kind; ids are in hexadecimal."""

    # The Collector chooses of the rest by a hash of the trace's id: same ids, same choice.
    chooser: random.Random = field(default_factory=lambda: random.Random(20261126))
    kinds: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    spans: defaultdict[str, list[tuple[str, ReadableSpan]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """The spans of each trace, with their services."""
    kept: Mapping[str, set[str]] = field(default_factory=dict)
    """The ids of those that came out, by the trace's."""

    def begin(self, kind: str) -> tuple[str, str]:
        """Return the id and the traceparent of a new trace."""
        trace = f"{self.chooser.getrandbits(128):032x}"
        self.kinds[kind].append(trace)
        return trace, f"00-{trace}-{self.chooser.getrandbits(64):016x}-01"

    def note(self, telemetry: Telemetry) -> None:
        """Note the spans that a service recorded."""
        for span in telemetry.spans():
            self.spans[f"{span.context.trace_id:032x}"].append((telemetry.service, span))

    def names(self, trace: str) -> set[str]:
        """Return the spans of a trace as `service: name`."""
        return {f"{service}: {span.name}" for service, span in self.spans[trace]}

    def milliseconds(self, trace: str) -> float:
        """Return how long a trace lasted, from its first beginning to its last end."""
        spans = [span for _, span in self.spans[trace]]
        begun = min(span.start_time or 0 for span in spans)
        return (max(span.end_time or 0 for span in spans) - begun) / 1e6

    def is_whole(self, trace: str) -> bool:
        """Return whether all spans of a trace came out."""
        sent = {f"{span.context.span_id:016x}" for _, span in self.spans[trace]}
        return self.kept.get(trace) == sent

    def kept_of(self, kind: str) -> list[str]:
        """Return the traces of a kind of which any span came out."""
        return [trace for trace in self.kinds[kind] if trace in self.kept]


class Exporters:
    """Sends the spans of several services as each of them does, but only when it is told to."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._processors: list[BatchSpanProcessor] = []

    def add(self, telemetry: Telemetry) -> None:
        """Send the spans of a service, too: after those of the ones that were added before."""
        processor = batch_processor(self._endpoint, telemetry.metrics)
        telemetry.provider.add_span_processor(processor)
        self._processors.append(processor)

    def flush(self) -> None:
        """Send all spans that ended."""
        assert all(processor.force_flush() for processor in self._processors)

    def shutdown(self) -> None:
        """End the threads that send."""
        for processor in self._processors:
            processor.shutdown()


@contextmanager
def exporters(endpoint: str) -> Iterator[Exporters]:
    """Yield exporters to a Collector."""
    with pytest.MonkeyPatch.context() as patch:
        # An hour, in milliseconds.
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
        sending = Exporters(endpoint)
        try:
            yield sending
        finally:
            sending.shutdown()
