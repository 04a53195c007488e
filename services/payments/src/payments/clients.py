"""What payments asks of risk, fx and wallet: batched while busy, each item with its own deadline.

An item that got no answer raises Unanswered: it may or may not have been carried out.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic_core import to_json

from kurs.calls import Deadline, Response, ServiceClient, TransportError
from kurs.contracts.batch import Skip, skip_of
from kurs.kernel.batching import Batcher, BatchMetrics, DeadlineExceeded
from kurs.kernel.errors import Overloaded
from kurs.telemetry import Telemetry, propagated
from kurs.telemetry.tracing import TRACEPARENT
from payments.domain.operation import Waiting

Item = TypeVar("Item", bound=Mapping[str, object])
Result = TypeVar("Result", bound=Mapping[str, Any])
# What is said of a request that will not be understood the next time either.
_UNREADABLE = frozenset({400, 413, 422})
_NO_FAULT = frozenset({Skip.LATE, Skip.BUSY})
_LANES = 4
"""Batches in flight to one route, where some take long."""


class Unanswered(Exception):
    """A dependency gave no usable answer; `dependency` names it."""

    def __init__(self, dependency: str, detail: str) -> None:
        super().__init__(f"{dependency}: {detail}")
        self.dependency = dependency
        # The name of a client is that of its service, with what it asks of it.
        self.waiting = Waiting(dependency.partition("-")[0], str(self))


class Unusable(Unanswered):
    """The dependency did answer, and not so that this operation can go on: a fault, not an outage.

    Repeating it may never help, so such attempts are counted against the operation.
    """


@dataclass(frozen=True, slots=True)
class _Call:
    item: Mapping[str, object]
    deadline: Deadline
    traceparent: str | None


class BatchClient(Generic[Item, Result]):
    """Sends items to one batch route of one service, in the words of its contract."""

    def __init__(
        self, client: ServiceClient, path: str, *, telemetry: Telemetry, metrics: BatchMetrics
    ) -> None:
        self._client = client
        self._path = path
        self._telemetry = telemetry
        self._batcher: Batcher[_Call, Result] = Batcher(
            self._run, name=f"http-{client.name}", max_batch=200, lanes=_LANES, metrics=metrics
        )
        self.close = self._batcher.close

    async def call(self, item: Item, deadline: Deadline) -> Result:
        """Return the item's result; raises Unanswered."""
        trace = propagated()
        call = _Call({**item, **trace}, deadline, trace.get(TRACEPARENT))
        try:
            result = await self._batcher.submit(call, expires=deadline.expires_at)
        except (TransportError, Overloaded, DeadlineExceeded) as error:
            raise Unanswered(self._client.name, error.detail) from error
        skip = skip_of(result)
        if skip is not None:
            reason = Unanswered if skip in _NO_FAULT else Unusable
            raise reason(self._client.name, f"{skip}: {result.get('message')}")
        return result

    async def _run(self, calls: Sequence[_Call]) -> Sequence[Result | Exception]:
        answer = await self._send(calls)
        if answer.status in _UNREADABLE and len(calls) > 1:
            # A body that was not read has done nothing. What is wrong with it (an item, or only
            # that all together are too much) must not fail the items of other merchants.
            half = len(calls) // 2
            return [*await self._part(calls[:half]), *await self._part(calls[half:])]
        if answer.status != 200:
            reason = Unusable if answer.status in _UNREADABLE else Unanswered
            raise reason(self._client.name, f"answered {answer.status}")
        results: list[Result] = json.loads(answer.body)["results"]
        return results

    async def _part(self, calls: Sequence[_Call]) -> Sequence[Result | Exception]:
        try:
            return await self._run(calls)
        except (TransportError, Unanswered) as error:
            # The other part has its own answer.
            return [error] * len(calls)

    async def _send(self, calls: Sequence[_Call]) -> Response:
        items = [{**c.item, "deadline_ms": max(0, c.deadline.remaining_ms())} for c in calls]
        members = [c.traceparent for c in calls]
        with self._telemetry.batch_span(f"{self._client.name} batch", members):
            return await self._client.request(
                "POST", self._path, body=to_json({"items": items}), retryable=True
            )
