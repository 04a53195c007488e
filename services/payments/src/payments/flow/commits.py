"""The commits of waves: what begins, how it ended, what it waits for; the store has one writer.

What a transaction has begun is told to its wave before the commit: services are asked beside it.
By then nobody else can begin the same: another process waits for this transaction, and repeats and
conflicts are told apart. So what is asked is asked about nothing that is refused. Only the commit
may still fail, and then whoever repeats the request is the one that it was asked about.
"""

import asyncio
from collections.abc import Mapping, Sequence

from msgspec.structs import replace
from opentelemetry.trace import Span
from sqlalchemy import Connection

from kurs.data.database import Database
from kurs.data.writer import Writer
from kurs.kernel.batching import BatchMetrics
from kurs.kernel.errors import Overloaded
from kurs.telemetry import Telemetry, Trace
from kurs.telemetry.tracing import format_traceparent
from payments.domain.beginning import Started
from payments.flow.orders import Order
from payments.store.ops import Op, keys_of
from payments.store.writes import Written, apply


class Claims:
    """The claims of a wave on their way: `written` is what became of each, in order."""

    written: asyncio.Task[list[Written | Exception]]

    def __init__(self) -> None:
        self._begun: asyncio.Future[list[tuple[int, Started]]]
        self._begun = asyncio.get_running_loop().create_future()
        self.ops: Sequence[Op] = ()
        """What is written, in the order of the wave."""

    async def begun(self) -> list[tuple[int, Started]]:
        """Return what is about to be committed, each with its place in the wave.

        None of it, when all is through by then.
        """
        await asyncio.wait((self.written, self._begun), return_when=asyncio.FIRST_COMPLETED)
        return [] if self.written.done() else self._begun.result()

    def tell(self, begun: Mapping[int, Started]) -> None:
        """Take in what a transaction has begun, by the identity of what was asked of it."""
        mine = [(i, begun[id(op)]) for i, op in enumerate(self.ops) if id(op) in begun]
        if mine and not self._begun.done():
            self._begun.set_result(mine)


class Commits:
    """Puts what waits for a commit into one transaction; what fails there fails alone."""

    def __init__(self, database: Database, telemetry: Telemetry, batches: BatchMetrics) -> None:
        self._tracer = telemetry.tracer
        self._claims: list[Claims] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: Writer[Op, Written] = Writer(
            database,
            self._apply,
            name="payments-writer",
            keys=keys_of,
            member=lambda op: op.traceparent,
            metrics=batches,
        )
        self.close = self._writer.close

    def claim(self, orders: Sequence[Order]) -> Claims:
        """Begin to store what is asked for."""
        claims = Claims()
        claims.written = asyncio.create_task(self._claim(orders, claims))
        return claims

    async def write(
        self, ops: Sequence[Op], traces: Sequence[Trace], claims: Claims | None = None
    ) -> list[Written | Exception]:
        """Return what became of each, in order; `claims` learns of it before the commit."""
        if not ops:
            return []
        spans = [self._span(op, trace) for op, trace in zip(ops, traces, strict=True)]
        traced = [
            op if span is None else replace(op, traceparent=_traceparent(span))
            for op, span in zip(ops, spans, strict=True)
        ]
        if claims is not None:
            claims.ops = traced
            self._claims.append(claims)
        try:
            return await self._writer.submit_many(traced)
        except Overloaded as error:
            return [error] * len(ops)
        finally:
            if claims is not None:
                self._claims.remove(claims)
            for span in spans:
                if span is not None:
                    span.end()

    async def _claim(self, orders: Sequence[Order], claims: Claims) -> list[Written | Exception]:
        self._loop = asyncio.get_running_loop()
        return await self.write([o.op for o in orders], [o.trace for o in orders], claims)

    def _apply(self, connection: Connection, ops: Sequence[Op]) -> Sequence[Written | Exception]:
        """Apply a batch inside its transaction, as the last thing before the commit."""
        results = apply(connection, ops)
        begun = [
            (op, result)
            for op, result in zip(ops, results, strict=True)
            if isinstance(result, Started)
        ]
        if begun and self._loop is not None:
            # The store of SQLite runs in a thread of its own.
            self._loop.call_soon_threadsafe(self._tell, begun)
        return results

    def _tell(self, begun: Sequence[tuple[Op, Started]]) -> None:
        # Whoever holds these holds their identities, which are nobody else's meanwhile.
        by_identity = {id(op): started for op, started in begun}
        for claims in self._claims:
            claims.tell(by_identity)

    def _span(self, op: Op, trace: Trace) -> Span | None:
        """Return the span of a wait for the transaction that is shared with others."""
        if trace.traceparent is None:
            return None
        return self._tracer.start_span(f"payments {type(op).__name__.lower()}", trace.context)


def _traceparent(span: Span) -> str:
    return format_traceparent(span.get_span_context())
