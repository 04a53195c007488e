"""Structured logs on standard output: JSON lines for machines, colours on a terminal."""

import logging
import sys
from typing import TextIO

import structlog
from opentelemetry.trace import format_span_id, format_trace_id, get_current_span
from pydantic_core import to_json
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

_SECRETS = frozenset({"authorization", "api_key", "password", "secret", "token", "quote"})


def create_logger(service: str, instance: str, level: str, stream: TextIO) -> FilteringBoundLogger:
    """Return a logger that writes to `stream`; raises ValueError for an unknown level."""
    logger: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[*_shared_processors(), *_renderers(stream)],
        wrapper_class=structlog.make_filtering_bound_logger(level_number(level)),
        context_class=dict,
        cache_logger_on_first_use=True,
    )
    return logger.bind(service=service, instance=instance)


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
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
        _hide_secrets,
    ]


def _renderers(stream: TextIO) -> list[Processor]:
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer(colors=True)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_to_json)]


def _to_json(event: EventDict, **_: object) -> str:
    return to_json(event, fallback=str).decode()


def _add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    context = get_current_span().get_span_context()
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
    return sys.stdout
