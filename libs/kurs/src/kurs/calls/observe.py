"""What a client tells about its calls: a histogram, a span when sampled, a few counters."""

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_current_span
from prometheus_client import Histogram

from kurs.calls.breaker import CircuitBreaker
from kurs.calls.errors import TransportError
from kurs.calls.message import Request
from kurs.kernel.clock import monotonic
from kurs.telemetry.baggage import write_baggage
from kurs.telemetry.service import Telemetry
from kurs.telemetry.tracing import TRACEPARENT, TRACESTATE, format_traceparent


class CallObserver:
    """The metrics and spans of the calls to one target."""

    def __init__(self, server: str, telemetry: Telemetry) -> None:
        self._server = server
        self._tracer = telemetry.tracer
        self._durations = telemetry.histogram(
            "http_client_request_duration_seconds",
            "Time from sending a request to the end of its answer, by attempt",
            ("server", "http_request_method", "http_response_status_code", "error_type"),
        )
        self._children: dict[tuple[str, str], Histogram] = {}
        self._refused = telemetry.counter(
            "http_client_not_sent_total", "Calls refused before sending", ("server", "reason")
        )
        self.retries = telemetry.counter(
            "http_client_retries_total", "Repeated attempts", ("server",)
        ).labels(server)
        self.exhausted = telemetry.counter(
            "http_client_retry_budget_exhausted_total",
            "Repetitions that the retry budget refused",
            ("server",),
        ).labels(server)
        self._state = telemetry.gauge(
            "kurs_circuit_breaker_state", "0 closed, 1 half-open, 2 open", ("target",)
        ).labels(server)

    def watch(self, breaker: CircuitBreaker) -> None:
        """Publish the state of `breaker`, read at each scrape."""
        self._state.set_function(lambda: float(breaker.state))

    def refused(self, reason: str) -> None:
        """Count a call that was not sent."""
        self._refused.labels(self._server, reason).inc()

    def start(self, request: Request) -> "Call":
        """Begin an attempt: put the trace context into its headers, with a span when sampled."""
        current = get_current_span()
        context = current.get_span_context()
        span: Span | None = None
        if context.trace_flags & 1:
            span = self._tracer.start_span(
                f"{request.method} {self._server}",
                kind=SpanKind.CLIENT,
                attributes={
                    "http.request.method": request.method,
                    "url.full": request.url,
                    "server.address": self._server,
                },
            )
            context = span.get_span_context()
            write_baggage(request.headers)
        if context.is_valid:
            request.headers[TRACEPARENT] = format_traceparent(context)
            if context.trace_state:
                request.headers[TRACESTATE] = context.trace_state.to_header()
        return Call(self, request.method, span)

    def record(self, method: str, label: str, seconds: float, span: Span | None) -> None:
        """Observe an attempt; `label` is a status code or the kind of an error."""
        child = self._children.get((method, label))
        if child is None:
            status, error = (label, "") if label.isdigit() else ("", label)
            child = self._durations.labels(self._server, method, status, error)
            self._children[method, label] = child
        if span is None:
            child.observe(seconds)
        else:
            child.observe(seconds, {"trace_id": f"{span.get_span_context().trace_id:032x}"})


class Call:
    """One attempt on its way."""

    __slots__ = ("_began_monotonic", "_method", "_observer", "_span")

    def __init__(self, observer: CallObserver, method: str, span: Span | None) -> None:
        self._observer = observer
        self._method = method
        self._span = span
        self._began_monotonic = monotonic()

    def answered(self, status: int) -> None:
        """Record an answer."""
        self._record(str(status))
        if self._span is not None:
            self._span.set_attribute("http.response.status_code", status)
            if status >= 400:
                self._span.set_status(Status(StatusCode.ERROR))
            self._span.end()

    def failed(self, error: BaseException) -> None:
        """Record an attempt without an answer."""
        kind = error.kind if isinstance(error, TransportError) else type(error).__name__
        self._record(kind)
        if self._span is not None:
            self._span.set_attribute("error.type", kind)
            self._span.set_status(Status(StatusCode.ERROR, str(error)))
            self._span.end()

    def _record(self, label: str) -> None:
        self._observer.record(self._method, label, monotonic() - self._began_monotonic, self._span)
