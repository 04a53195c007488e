"""Trace context over HTTP headers and batch items, and the sampling decision.

Protocol: W3C Trace Context, `traceparent: 00-<32 hex trace id>-<16 hex span id>-<2 hex flags>`.
What other tracing systems put into `tracestate` goes on from request to request; batch items have
none.

A trace is sampled or not where it starts, and everyone after follows. Almost all traces are not
sampled, so the unsampled way builds no span object of the SDK: it carries a span context and
nothing else.
"""

import logging
from collections.abc import Sequence
from random import getrandbits

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

_UNSAMPLED = TraceFlags(TraceFlags.DEFAULT)
_ODD = frozenset("13579bdf")
"""The second digit of the flags in a traceparent that is sampled."""
_DECIDED = "kurs-sampled"
_ROOT = Context()
_PROPAGATOR = TraceContextTextMapPropagator()
# Strangers write what it reads: it may not warn of each header that is malformed or too long.
logging.getLogger("opentelemetry.trace").setLevel(logging.ERROR)
SAMPLED_ROOT = otel_context.set_value(_DECIDED, True, _ROOT)


class DecidedSampler(Sampler):
    """A ratio sampler for roots, unless the caller has decided to sample (`SAMPLED_ROOT`)."""

    def __init__(self, ratio: float) -> None:
        self._by_ratio = TraceIdRatioBased(ratio)
        self.bound = TraceIdRatioBased.get_bound_for_rate(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Sample when decided; else by the ratio."""
        if parent_context is not None and parent_context.get(_DECIDED):
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, trace_state)
        return self._by_ratio.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        """Describe the sampler in OpenTelemetry's form."""
        return f"Decided{{{self._by_ratio.get_description()}}}"


def parent_based(sampler: Sampler) -> Sampler:
    """Return a sampler that follows the parent, and asks `sampler` for a root."""
    return ParentBased(sampler)


def parse_traceparent(text: str | None, states: Sequence[str] = ()) -> SpanContext | None:
    """Return the span context that `text` carries, or None when it is absent or malformed.

    `states` are the values of `tracestate`; members that are malformed are left out.
    """
    if text is None:
        return None
    carrier = {TRACEPARENT: [text], TRACESTATE: states} if states else {TRACEPARENT: [text]}
    context = get_current_span(_PROPAGATOR.extract(carrier, _ROOT)).get_span_context()
    return context if context.is_valid else None


def may_be_sampled(traceparent: str | None) -> bool:
    """Tell without reading all of it, which takes ten times as long, whether it is worth it."""
    return traceparent is not None and traceparent[54:55] in _ODD


def format_traceparent(context: SpanContext) -> str:
    """Return the header value for `context`, whose flags keep only the sampled bit."""
    flags = "01" if context.trace_flags & 1 else "00"
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags}"


def unsampled_span(trace_id: int = 0) -> NonRecordingSpan:
    """Return a span that records nothing but keeps everyone after it from sampling anew."""
    return NonRecordingSpan(
        SpanContext(trace_id or getrandbits(128) or 1, getrandbits(64) or 1, False, _UNSAMPLED)
    )


def inject() -> str | None:
    """Return the traceparent of the current span for a batch item or a stored row.

    None when the trace is not sampled or there is no span: `extract` and
    `Telemetry.item_span` read None as "not sampled", so that 55 bytes are spared on nearly every
    item and nobody samples the same payment a second time.
    """
    context = get_current_span().get_span_context()
    return format_traceparent(context) if context.trace_flags & 1 else None


def extract(traceparent: str | None, trace_id: str | None = None) -> Context:
    """Return the context that `inject` wrote; None or a malformed text is an unsampled trace.

    `trace_id`, 32 hexadecimal digits, says which trace that is; else it is one of its own.
    """
    context = parse_traceparent(traceparent)
    if context is None:
        return set_span_in_context(unsampled_span(int(trace_id or "0", 16)), _ROOT)
    return set_span_in_context(NonRecordingSpan(context), _ROOT)
