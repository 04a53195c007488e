"""SQL in a trace: a span for each transaction, and one for each of its statements.

Names and attributes are those of OpenTelemetry's conventions for databases. Only a transaction
whose current span is recorded is listened to; SQLAlchemy's events cost the others nothing.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    get_current_span,
    set_span_in_context,
)
from sqlalchemy import Connection, event

Returned = TypeVar("Returned")
_MOST_CHARACTERS = 2_000
_SUMMARY_CHARACTERS = 255
_OPERATION = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+\"?(\w+)", re.IGNORECASE)


class SqlSpans:
    """The spans of one database; `system` is `sqlite` or `postgresql`."""

    def __init__(self, tracer: Tracer, system: str) -> None:
        self._tracer = tracer
        self._system = system

    def traced(
        self, work: Callable[[Connection], Returned], kind: str
    ) -> Callable[[Connection], Returned]:
        """Return `work`, with spans under the current span if that is recorded.

        `kind` is `read` or `write`. The work may run in another thread.
        """
        if not get_current_span().is_recording():
            return work
        # Captured here: a thread of the database has no context of its own.
        context = set_span_in_context(get_current_span())

        def with_spans(connection: Connection) -> Returned:
            with self._transaction(connection, kind, context):
                return work(connection)

        return with_spans

    @contextmanager
    def _transaction(self, connection: Connection, kind: str, context: Context) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            f"{kind} transaction",
            context,
            SpanKind.CLIENT,
            attributes={"db.system.name": self._system},
        ) as span:
            statements = _Statements(self._tracer, self._system, set_span_in_context(span))
            with statements.heard(connection):
                yield
            span.set_attribute("kurs.db.statements", len(statements.summaries))
            summary = " ".join(dict.fromkeys(statements.summaries))
            span.set_attribute("db.query.summary", summary[:_SUMMARY_CHARACTERS])


class _Statements:
    """The spans of a transaction's statements, and what they did, in short."""

    def __init__(self, tracer: Tracer, system: str, context: Context) -> None:
        self._tracer = tracer
        self._system = system
        self._context = context
        self._open: Span | None = None
        self.summaries: list[str] = []

    @contextmanager
    def heard(self, connection: Connection) -> Iterator[None]:
        """Listen to a connection during the block."""
        listeners = (("before_cursor_execute", self._begin), ("after_cursor_execute", self._end))
        for name, listener in listeners:
            event.listen(connection, name, listener)
        try:
            yield
        finally:
            for name, listener in listeners:
                event.remove(connection, name, listener)
            if self._open is not None:
                # It failed, or there would have been an end.
                self._open.set_status(Status(StatusCode.ERROR))
                self._open.end()

    def _begin(self, *arguments: Any) -> None:
        _, _, text, parameters, _, many = arguments
        operation, table = _parts(text)
        summary = f"{operation} {table}".strip()
        self.summaries.append(summary)
        self._open = self._tracer.start_span(
            summary,
            self._context,
            SpanKind.CLIENT,
            attributes={
                "db.system.name": self._system,
                "db.operation.name": operation,
                "db.query.summary": summary,
                "db.query.text": text[:_MOST_CHARACTERS],
            },
        )
        if table:
            self._open.set_attribute("db.collection.name", table)
        if many and len(parameters) > 1:
            self._open.set_attribute("db.operation.batch.size", len(parameters))

    def _end(self, *_: Any) -> None:
        if self._open is not None:
            self._open.end()
            self._open = None


def _parts(text: str) -> tuple[str, str]:
    """Return what a statement does and the first table that it names, as well as can be seen."""
    operation, table = _OPERATION.search(text), _TABLE.search(text)
    name = operation[1].upper() if operation else text.split(maxsplit=1)[0].upper()
    return name, table[1] if table else ""
