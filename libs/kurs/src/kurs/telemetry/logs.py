"""Structured logs on standard output: JSON lines for machines, colours on a terminal.

To log never raises and, in a process of its own, never waits: what cannot be written is counted.
"""

import json
import logging
import sys
from typing import Any, TextIO

import structlog
from opentelemetry.trace import Span, format_span_id, format_trace_id, get_current_span
from pydantic_core import to_json
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from kurs.kernel.clock import SystemClock, to_rfc3339
from kurs.telemetry.output import Output, as_text

_CLOCK = SystemClock()
_SECRETS = frozenset({"authorization", "api_key", "password", "secret", "token", "quote"})


def create_logger(service: str, instance: str, level: str, stream: TextIO) -> FilteringBoundLogger:
    """Return a logger that writes to `stream`; raises ValueError for an unknown level."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[*_shared_processors(), *_renderers(stream)],
        wrapper_class=_unfailing(level_number(level), stream),
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return logger.bind(service=service, instance=instance)


def _unfailing(level: int, stream: TextIO) -> type[Any]:
    """Return the class of a logger that filters by level and lets no error out.

    A line tells of work that is done; that work must not fail because of it.
    """
    filtering: Any = structlog.make_filtering_bound_logger(level)

    def proxy(self: Any, *arguments: Any, **members: Any) -> Any:
        try:
            return filtering._proxy_to_logger(self, *arguments, **members)  # noqa: SLF001
        except Exception:
            if isinstance(stream, Output):
                stream.lose(1)
            return None

    return type("Unfailing", (filtering,), {"_proxy_to_logger": proxy})


def level_number(level: str) -> int:
    """Return logging's number for a level name; raises ValueError for an unknown one."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"unknown log level {level!r}")
    return number


def route_standard_logging(service: str, instance: str, level: str, stream: TextIO) -> None:
    """Give what libraries log through `logging` the same form and the same stream.

    Replaces the handlers of the root logger, so only a process's main function calls it.
    """

    def identify(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.setdefault("service", service)
        event.setdefault("instance", instance)
        return event

    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_shared_processors(), structlog.stdlib.add_logger_name, identify],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level_number(level))


def _shared_processors() -> list[Processor]:
    return [
        structlog.processors.add_log_level,
        _add_time,
        _add_trace,
        _hide_secrets,
    ]


def _renderers(stream: TextIO) -> list[Processor]:
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer(colors=True)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_to_json)]


def _to_json(event: EventDict, **_: object) -> str:
    try:
        return to_json(event, fallback=str).decode()
    except Exception:
        # A text that is none (half of a character), or an object that cannot tell what it is.
        return json.dumps({name: _plain(value) for name, value in event.items()})


def _plain(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


def _add_time(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    event["timestamp"] = to_rfc3339(_CLOCK.now())
    return event


def _add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    # Where many share a coroutine, a line brings the span that it is of.
    span: Span = event.pop("span", None) or get_current_span()
    context = span.get_span_context()
    if context.is_valid:
        event["trace_id"] = format_trace_id(context.trace_id)
        event["span_id"] = format_span_id(context.span_id)
    return event


def _hide_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name in _SECRETS.intersection(event):
        event[name] = "[hidden]"
    return event


def standard_output() -> TextIO:
    """Return the stream that logs go to."""
    return sys.stdout if _output is None else as_text(_output)


def unblock_standard_output() -> Output:
    """Let whatever is logged from now on wait for no reader; for a process's main only."""
    global _output
    if _output is None:
        sys.stdout.flush()
        _output = Output(sys.stdout)
    return _output


_output: Output | None = None
