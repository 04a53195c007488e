"""W3C baggage: whose payment a trace is about, told to every service that the trace goes through.

Protocol: https://www.w3.org/TR/baggage/, `baggage: merchant=shop`. It is there for spans, each of
which gets it as an attribute, so only sampled requests and items carry it; the others cost nothing.
The gateway is where it begins: what a client sends is not taken.
"""

from collections.abc import MutableMapping

from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor
from opentelemetry.trace import get_current_span

from kurs.telemetry.tracing import TRACEPARENT, inject

BAGGAGE = "baggage"
MERCHANT_ATTRIBUTE = "payment.merchant"
_MERCHANT = "merchant"
_PROPAGATOR = W3CBaggagePropagator()


def carry_merchant(merchant: str) -> None:
    """Name the merchant on the current span and on all that follow it, if it is recorded."""
    span = get_current_span()
    if span.is_recording():
        span.set_attribute(MERCHANT_ATTRIBUTE, merchant)
        # Not detached here: it holds until the telemetry's layer gives its own token back.
        otel_context.attach(baggage.set_baggage(_MERCHANT, merchant))


def with_baggage(text: str | None, context: Context) -> Context:
    """Return `context` with the baggage of a header or an item; what is malformed is left out."""
    return _PROPAGATOR.extract({BAGGAGE: text}, context) if text else context


def write_baggage(headers: MutableMapping[str, str]) -> None:
    """Add the current baggage to the headers of a request, if there is any."""
    _PROPAGATOR.inject(headers)


def propagated() -> dict[str, str]:
    """Return the `traceparent` and `baggage` of a batch item; nothing when it is not sampled."""
    traceparent = inject()
    if traceparent is None:
        return {}
    fields = {TRACEPARENT: traceparent}
    write_baggage(fields)
    return fields


class MerchantOnSpans(SpanProcessor):
    """Gives each recorded span the merchant of its baggage."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Set the attribute; see SpanProcessor."""
        merchant = baggage.get_baggage(_MERCHANT, parent_context)
        if isinstance(merchant, str):
            span.set_attribute(MERCHANT_ATTRIBUTE, merchant)
