"""Payments on their way to payments: while one request is under way, what arrives goes as the next.

One alone goes at once, as `POST /payments`; many go as one `POST /payments/batch`, whose answer
comes in lines, each as soon as it is there (kurs.contracts.payments). Whatever is not read there
goes alone, and so does everything while payments is of a release that has no such route: nothing
was done with it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import from_json, to_json

from api_gateway.errors import UpstreamUnavailable
from api_gateway.upstreams import Upstreams
from kurs.calls import Deadline, Response, StreamedResponse
from kurs.contracts.payments import ANSWERED, MAX_BODY_BYTES
from kurs.edges.table import PAYMENTS
from kurs.kernel.batching import Batcher, BatchMetrics, Eventually
from kurs.kernel.errors import Problem
from kurs.telemetry import Telemetry, Trace
from kurs.telemetry.tracing import format_traceparent

_PATH = "/payments"
_LANES = 32
"""Batches under way, where some take long."""
_LARGEST = 100
# Of such a batch nothing was done: it cannot be read, or there is no such route.
_NOTHING_DONE = frozenset({400, 413, 422, 403, 404, 405})
_NO_STRUCTURE = bytes(byte for byte in range(256) if byte not in b"[{,")
_MOST_VALUES = 100
_MANY_DIGITS = re.compile(rb"[0-9]{64}")
_OK = 200


class Call(NamedTuple):
    """One `POST /payments` of a caller, by when it is answered, and the trace that it is of."""

    body: bytes
    headers: Mapping[str, str]
    deadline: Deadline
    trace: Trace


class PaymentBatches:
    """Sends payments, many at once while busy; raises what `Upstreams` raises."""

    def __init__(
        self,
        upstreams: Upstreams,
        *,
        telemetry: Telemetry,
        metrics: BatchMetrics,
        request_seconds: float,
    ) -> None:
        self._upstreams = upstreams
        self._telemetry = telemetry
        self._seconds = request_seconds
        self._batcher: Batcher[Call, Response] = Batcher(
            self._send,
            name="http-payments",
            max_batch=_LARGEST,
            least=2,
            lanes=_LANES,
            metrics=metrics,
        )
        self._reading: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Wait for every answer."""
        await self._batcher.close()
        while self._reading:
            await asyncio.wait(self._reading)

    async def pay(self, body: bytes | None, headers: Mapping[str, str]) -> Response:
        """Return the answer of payments to one request."""
        deadline = Deadline.after(self._seconds)
        call = Call(body or b"", headers, deadline, Trace.here())
        if not _is_plain(call.body):
            return await self._alone(call)
        return await self._batcher.submit(call)

    async def _alone(self, call: Call) -> Response:
        with call.trace.current():
            return await self._upstreams.send(
                PAYMENTS, "POST", _PATH, call.body or None, call.headers, call.deadline
            )

    async def _send(self, calls: Sequence[Call]) -> list[Eventually[Response]]:
        if len(calls) == 1:
            return [await self._alone(calls[0])]
        answers: list[asyncio.Future[Response]]
        loop = asyncio.get_running_loop()
        answers = [loop.create_future() for _ in calls]
        some = asyncio.Event()
        reading = asyncio.create_task(self._exchange(calls, answers, some))
        self._reading.add(reading)
        reading.add_done_callback(self._reading.discard)
        await some.wait()
        return [_known(answer) for answer in answers]

    async def _exchange(
        self,
        calls: Sequence[Call],
        answers: Sequence["asyncio.Future[Response]"],
        some: asyncio.Event,
    ) -> None:
        """Send a batch and give each call its answer; `some` is set once there are any."""
        try:
            async with asyncio.timeout(max(call.deadline for call in calls).remaining()):
                undone = await self._stream(calls, answers, some)
        except UpstreamUnavailable:
            undone = list(range(len(calls)))
        except TimeoutError:
            undone = []
            _fail(answers, self._upstreams.timed_out(PAYMENTS))
        except Problem as problem:
            undone = []
            _fail(answers, problem)
        except Exception as error:
            self._telemetry.logger.error("a batch's answer cannot be read", exc_info=error)
            undone = []
        again = set(undone)
        # Of what has no line by now nobody knows whether it was carried out.
        lost = [answer for i, answer in enumerate(answers) if i not in again]
        _fail(lost, self._upstreams.connection_lost(PAYMENTS))
        some.set()
        await asyncio.gather(*(self._retry(calls[i], answers[i]) for i in undone))

    async def _retry(self, call: Call, answer: "asyncio.Future[Response]") -> None:
        try:
            _tell(answer, await self._alone(call))
        except Exception as error:
            _fail([answer], error)

    async def _stream(
        self,
        calls: Sequence[Call],
        answers: Sequence["asyncio.Future[Response]"],
        some: asyncio.Event,
    ) -> list[int]:
        """Give the calls of a batch their answers; return those that nothing was done with."""
        body = to_json({"items": [_item(call) for call in calls]})
        members = [call.trace.traceparent for call in calls]
        with self._telemetry.batch_span("payments batch", members):
            async with self._upstreams.stream(
                PAYMENTS, f"{_PATH}/batch", {}, method="POST", body=body
            ) as answer:
                if answer.status in _NOTHING_DONE:
                    return list(range(len(calls)))
                if answer.status != _OK:
                    whole = await _whole(answer)
                    for each in answers:
                        _tell(each, whole)
                    return []
                skipped = []
                async for result in _results(answer.chunks):
                    if result["status"] == ANSWERED:
                        _tell(answers[result["item"]], _response(result))
                    else:
                        skipped.append(result["item"])
                    some.set()
        return skipped


def _is_plain(body: bytes) -> bool:
    """Tell whether a body may be read among others: short, of few values, and in UTF-8."""
    if len(body) > MAX_BODY_BYTES or len(body.translate(None, _NO_STRUCTURE)) > _MOST_VALUES:
        return False
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return _MANY_DIGITS.search(body) is None


def _item(call: Call) -> dict[str, Any]:
    headers = call.headers
    return {
        **call.trace.fields,
        "traceparent": format_traceparent(call.trace.span.get_span_context()),
        "deadline_ms": call.deadline.remaining_ms(),
        "merchant": headers["X-Kurs-Merchant"],
        "key_id": headers["X-Kurs-Key-Id"],
        "roles": headers["X-Kurs-Roles"],
        "idempotency_key": headers.get("Idempotency-Key"),
        "body": call.body.decode(),
    }


async def _results(chunks: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """Yield the results of an answer in lines, each once its line is whole."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield from_json(line)


def _response(result: Mapping[str, Any]) -> Response:
    headers = {**result["headers"], "cache-control": "no-store"}
    raw = tuple((name.encode(), value.encode("latin-1")) for name, value in headers.items())
    return Response(result["http_status"], body=result["body"].encode(), raw_headers=raw)


async def _whole(answer: StreamedResponse) -> Response:
    body = b"".join([chunk async for chunk in answer.chunks])
    return Response(answer.status, answer.headers, body, answer.raw_headers)


def _known(answer: "asyncio.Future[Response]") -> Eventually[Response]:
    if not answer.done() or answer.cancelled():
        return answer
    error = answer.exception()
    return error if isinstance(error, Exception) else answer.result()


def _tell(answer: "asyncio.Future[Response]", response: Response) -> None:
    if not answer.done():
        answer.set_result(response)


def _fail(answers: Sequence["asyncio.Future[Response]"], error: Exception) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(error)
