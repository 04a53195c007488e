"""One batch request of the gateway: payments of many callers, each read and answered alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from opentelemetry.trace import INVALID_SPAN, Span, set_span_in_context
from pydantic import TypeAdapter
from pydantic_core import to_json

from kurs.calls import Deadline
from kurs.contracts.batch import Misfit, read_items
from kurs.contracts.payments import ANSWERED, PayItem, PayResult
from kurs.kernel.batching import Eventually, alone, settled
from kurs.kernel.caller import caller_of
from kurs.kernel.decoder import decode
from kurs.kernel.errors import PROBLEM_MEDIA_TYPE, Internal, Problem
from kurs.kernel.validation import validate
from kurs.telemetry import Telemetry, Trace, extract, with_baggage
from payments.flow.orders import Reply
from payments.paying import Asked, Paying, checked_key
from payments.schemas import PAYMENT, PaymentBatch

_SPAN = "payments pay"
_ROLE = "pay"
_BATCH = TypeAdapter(PaymentBatch)
_ITEM: TypeAdapter[PayItem] = TypeAdapter(PayItem)


class BatchPaying:
    """Answers `POST /payments/batch`."""

    def __init__(self, paying: Paying, telemetry: Telemetry) -> None:
        self._paying = paying
        self._telemetry = telemetry

    async def answer(self, body: bytes, request_id: str) -> AsyncIterator[bytes]:
        """Return lines of results, as soon as some are there; `request_id` is of the whole batch.

        Raises MalformedJson or Unprocessable when the body is no batch at all.
        """
        items = read_items(_BATCH, _ITEM, body)
        spans = [self._span(item) for item in items]
        return self._as_they_come(await self._pay(items, spans, request_id), spans)

    async def _as_they_come(
        self, ends: Sequence[Eventually[Reply] | Misfit], spans: Sequence[Span]
    ) -> AsyncIterator[bytes]:
        ready = {i: end for i, end in enumerate(ends) if not isinstance(end, asyncio.Future)}
        if ready:
            yield self._lines(list(ready), list(ready.values()), spans)
        late = {end: i for i, end in enumerate(ends) if isinstance(end, asyncio.Future)}
        while late:
            done, _ = await asyncio.wait(late, return_when=asyncio.FIRST_COMPLETED)
            places = [i for end, i in late.items() if end in done]
            come: list[Any] = [ends[i] for i in places]
            yield self._lines(places, await settled(come), spans)
            late = {end: i for end, i in late.items() if end not in done}

    async def _pay(
        self, items: Sequence[PayItem | Misfit], spans: Sequence[Span], request_id: str
    ) -> list[Any]:
        names = [f"{request_id} {i}" for i in range(len(items))]
        asked = [
            item if isinstance(item, Misfit) else alone(self._asked, item, spans[i], names[i])
            for i, item in enumerate(items)
        ]
        paying = [each for each in asked if isinstance(each, Asked)]
        replies = iter(await self._paying.pay(paying) if paying else ())
        return [next(replies) if isinstance(each, Asked) else each for each in asked]

    def _asked(self, item: PayItem, span: Span, request_id: str) -> Asked:
        """Return what an item asks for; raises Problem."""
        caller = caller_of(item["merchant"], item.get("key_id", ""), item.get("roles", ""))
        caller.require(_ROLE)
        until, milliseconds = self._paying.deadline(), item.get("deadline_ms")
        return Asked(
            caller=caller,
            key=checked_key(item.get("idempotency_key")),
            request=validate(PAYMENT.validate_python, decode(item["body"].encode())),
            request_id=request_id,
            deadline=until if milliseconds is None else min(until, Deadline.from_ms(milliseconds)),
            trace=_trace(item, span),
        )

    def _span(self, item: PayItem | Misfit) -> Span:
        if isinstance(item, Misfit):
            return INVALID_SPAN
        return self._telemetry.item_span(_SPAN, item.get("traceparent"), item.get("baggage"))

    def _lines(
        self,
        places: Sequence[int],
        ends: Sequence[Reply | Misfit | Exception],
        spans: Sequence[Span],
    ) -> bytes:
        lines = []
        for i, end in zip(places, ends, strict=True):
            spans[i].end()
            lines.append(to_json(self._result(i, end)))
        return b"\n".join([*lines, b""])

    def _result(self, item: int, end: Reply | Misfit | Exception) -> PayResult | dict[str, Any]:
        if isinstance(end, Misfit):
            return {**end.result(), "item": item}
        if isinstance(end, Reply):
            status, headers, body = end.answer.status, end.headers, end.answer.body
        else:
            problem = self._problem(end)
            status, headers, body = problem.status, {**problem.headers}, problem.body()
            headers["content-type"] = PROBLEM_MEDIA_TYPE
        return {
            "item": item,
            "status": ANSWERED,
            "http_status": status,
            "headers": headers,
            "body": body.decode(),
        }

    def _problem(self, error: Exception) -> Problem:
        if isinstance(error, Problem):
            return error
        self._telemetry.logger.error("a payment of a batch failed", exc_info=error)
        return Internal("an unexpected error; the log has the details")


def _trace(item: PayItem, span: Span) -> Trace:
    """Return the trace that an item is of, its own span the current one if it is sampled."""
    if span.is_recording():
        return Trace.of(with_baggage(item.get("baggage"), set_span_in_context(span)))
    return Trace.unsampled(extract(item.get("traceparent")))
