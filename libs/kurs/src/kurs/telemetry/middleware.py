"""What happens around every request: trace context, deadline, duration, and nothing else.

Pure ASGI and short, since every request of every hop pays for it. A request whose trace is not
sampled builds no span and no attributes.
"""

from random import getrandbits
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    set_span_in_context,
)
from prometheus_client import Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kurs.kernel.clock import monotonic
from kurs.kernel.deadline import Deadline, current_deadline
from kurs.telemetry.baggage import with_baggage
from kurs.telemetry.service import Telemetry
from kurs.telemetry.tracing import (
    SAMPLED_ROOT,
    format_traceparent,
    parse_traceparent,
    unsampled_span,
)

PROBES = frozenset({"/healthz", "/livez", "/readyz", "/metrics", "/internal/config"})
UNMATCHED = "unmatched"
_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}
)
_LOW_64_BITS = TraceIdRatioBased.TRACE_ID_LIMIT
CLIENT_GONE = 499
"""The status that is counted for a request whose client went away."""


def request_durations(telemetry: Telemetry) -> Histogram:
    """Return the histogram of all answers, by method, template of the route, and status.

    A series that an alert counts from its first event on must be there before it: Prometheus'
    `increase` sees nothing in a series that is born with its value. Ask for its labels once.
    """
    return telemetry.histogram(
        "http_server_request_duration_seconds",
        "Time from a request's arrival to the end of its answer",
        ("http_request_method", "http_route", "http_response_status_code"),
    )


class TelemetryMiddleware:
    """Server span, duration histogram, in-flight gauge, deadline and `traceresponse` header.

    The route label is the template of `scope["route"]` (its `.path`, or a string), never a path.
    With `trust_incoming=False` a caller's trace is linked, not continued: the edge decides itself
    what is sampled. With `take_baggage=False` a caller's baggage is not taken.
    """

    def __init__(
        self,
        app: ASGIApp,
        telemetry: Telemetry,
        *,
        trust_incoming: bool = True,
        take_baggage: bool = True,
    ) -> None:
        self._app = app
        self._tracer = telemetry.tracer
        self._bound = telemetry.sampler.bound
        self._trust = trust_incoming
        self._take_baggage = take_baggage
        self._active = 0
        self._durations = request_durations(telemetry)
        self._children: dict[tuple[str, str, int], Histogram] = {}
        telemetry.gauge(
            "http_server_active_requests", "Requests that are being answered"
        ).set_function(lambda: self._active)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; probes and what is not HTTP pass untouched."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        incoming, deadline = _read_headers(scope["headers"])
        span, context = self._start_span(scope, incoming)
        answer = _Answer(send, span.get_span_context())
        # Tokens are given back below: in one process the caller's task may run this app too.
        deadline_token = current_deadline.set(deadline)
        span_token = otel_context.attach(context)
        self._active += 1
        started = monotonic()
        try:
            await self._app(scope, receive, answer.send)
        except BaseException as error:
            self._observe(scope, answer.failed(error), started, span, error)
            raise
        else:
            # An app that returns without an answer has learnt that its client is gone.
            self._observe(scope, answer.status or CLIENT_GONE, started, span, None)
        finally:
            self._active -= 1
            otel_context.detach(span_token)
            current_deadline.reset(deadline_token)

    def _start_span(self, scope: Scope, incoming: SpanContext | None) -> tuple[Span, Context]:
        if incoming is not None and self._trust:
            if not incoming.trace_flags & 1:
                return _in_context(NonRecordingSpan(incoming))
            parent, links = set_span_in_context(NonRecordingSpan(incoming), SAMPLED_ROOT), None
        else:
            trace_id = getrandbits(128)
            if trace_id & _LOW_64_BITS >= self._bound:
                return _in_context(unsampled_span(trace_id))
            parent, links = SAMPLED_ROOT, [Link(incoming)] if incoming else None
        if self._take_baggage:
            parent = with_baggage(_baggage_of(scope), parent)
        span = self._tracer.start_span(scope["method"], parent, SpanKind.SERVER, links=links)
        return span, set_span_in_context(span, parent)

    def _observe(
        self, scope: Scope, status: int, started: float, span: Span, error: BaseException | None
    ) -> None:
        duration = monotonic() - started
        method = scope["method"]
        key = (method if method in _METHODS else "_OTHER", route_template(scope), status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._durations.labels(*key)
        context = span.get_span_context()
        if not context.trace_flags & 1:
            child.observe(duration)
            return
        child.observe(duration, {"trace_id": f"{context.trace_id:032x}"})
        _finish(span, scope, key, error)


class _Answer:
    """Watches an answer go by: keeps its status, adds the trace header."""

    __slots__ = ("_context", "_send", "status")

    def __init__(self, send: Send, context: SpanContext) -> None:
        self._send = send
        self._context = context
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            # https://www.w3.org/TR/trace-context-2/ (draft): the trace that served the request.
            header = (b"traceresponse", format_traceparent(self._context).encode())
            message["headers"] = [*message.get("headers", ()), header]
        await self._send(message)

    def failed(self, error: BaseException) -> int:
        if self.status:
            return self.status
        gone = isinstance(error, ClientDisconnect) or not isinstance(error, Exception)
        return CLIENT_GONE if gone else 500


def route_template(scope: Scope) -> str:
    """Return the template of the matched route, or `unmatched`; bounded in number, unlike paths."""
    route: Any = scope.get("route")
    if route is None:
        return UNMATCHED
    return route if isinstance(route, str) else getattr(route, "path", UNMATCHED)


def _in_context(span: Span) -> tuple[Span, Context]:
    return span, set_span_in_context(span)


def _baggage_of(scope: Scope) -> str | None:
    found = (value for name, value in scope["headers"] if name == b"baggage")
    return ",".join(value.decode("latin-1") for value in found) or None


def _read_headers(
    headers: list[tuple[bytes, bytes]],
) -> tuple[SpanContext | None, Deadline | None]:
    traceparent: str | None = None
    states: list[str] = []
    deadline: Deadline | None = None
    for name, value in headers:
        if name == b"traceparent":
            traceparent = value.decode("latin-1")
        elif name == b"tracestate":
            states.append(value.decode("latin-1"))
        elif name == b"x-request-deadline":
            deadline = Deadline.from_header(value.decode("latin-1"))
    return parse_traceparent(traceparent, states), deadline


def _finish(
    span: Span, scope: Scope, key: tuple[str, str, int], error: BaseException | None
) -> None:
    method, route, status = key
    span.update_name(f"{method} {route}")
    span.set_attributes(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "url.path": scope["path"],
            "url.scheme": scope.get("scheme", "http"),
        }
    )
    if error is not None:
        span.record_exception(error)
        span.set_attribute("error.type", type(error).__qualname__)
    if status >= 500 or error is not None:
        span.set_status(Status(StatusCode.ERROR))
    span.end()
