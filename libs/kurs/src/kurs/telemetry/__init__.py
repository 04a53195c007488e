"""What a service tells about itself: metrics, traces and logs, bound together by the trace id."""

from kurs.telemetry.baggage import carry_merchant, propagated, with_baggage
from kurs.telemetry.metrics import Metrics, render_metrics
from kurs.telemetry.middleware import CLIENT_GONE, TelemetryMiddleware, request_durations
from kurs.telemetry.service import Telemetry
from kurs.telemetry.trace import Trace
from kurs.telemetry.tracing import extract, inject

__all__ = [
    "CLIENT_GONE",
    "Metrics",
    "Telemetry",
    "TelemetryMiddleware",
    "Trace",
    "carry_merchant",
    "extract",
    "inject",
    "propagated",
    "render_metrics",
    "request_durations",
    "with_baggage",
]
