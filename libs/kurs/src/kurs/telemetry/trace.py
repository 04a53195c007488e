"""The trace of one of many that share a coroutine: each keeps its own, and is spoken of in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, get_current_span

from kurs.telemetry.baggage import propagated
from kurs.telemetry.tracing import TRACEPARENT


class Trace(NamedTuple):
    """A trace as it was current where something began.

    `fields` are the `traceparent` and `baggage` of its batch items: none unless it is sampled.
    """

    context: Context
    fields: Mapping[str, str]

    @classmethod
    def here(cls) -> "Trace":
        """Return the current one."""
        return cls(otel_context.get_current(), propagated())

    @classmethod
    def of(cls, context: Context) -> "Trace":
        """Return the one that is current in a context."""
        token = otel_context.attach(context)
        try:
            return cls(context, propagated())
        finally:
            otel_context.detach(token)

    @classmethod
    def unsampled(cls, context: Context) -> "Trace":
        """Return that of a context of which nothing is told on."""
        return cls(context, {})

    @property
    def traceparent(self) -> str | None:
        """What `inject` gave there: None unless it is sampled."""
        return self.fields.get(TRACEPARENT)

    @property
    def span(self) -> Span:
        """The span that was current there."""
        return get_current_span(self.context)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make it current again, for the log lines and spans of one."""
        token = otel_context.attach(self.context)
        try:
            yield
        finally:
            otel_context.detach(token)
