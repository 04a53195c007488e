"""What payments asks of risk, fx and wallet: batched while busy, each item with its own deadline.

Unanswered, in place of an answer, says that there was none: the item may have been carried out.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from pydantic_core import from_json, to_json

from kurs.calls import Deadline, Response, ServiceClient, TransportError
from kurs.contracts.batch import Skip, skip_of
from kurs.kernel.batching import Batcher, BatchMetrics
from kurs.kernel.errors import Overloaded
from kurs.telemetry import Telemetry, Trace
from payments.domain.operation import Waiting

Item = TypeVar("Item", bound=Mapping[str, object])
Result = TypeVar("Result", bound=Mapping[str, Any])
# What is said of a request that will not be understood the next time either.
_UNREADABLE = frozenset({400, 413, 422})
_NO_FAULT = frozenset({Skip.LATE, Skip.BUSY})
OWN_DATABASE = "database"
"""What an Unanswered names when it was no service that gave no answer."""
LANES = 4
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


class Asker(Protocol):
    """What something is asked for: by when it is to be answered, and the trace that it is of."""

    @property
    def deadline(self) -> Deadline:
        """By when."""

    @property
    def trace(self) -> Trace:
        """Of which trace."""


class _Question(NamedTuple):
    item: Mapping[str, object]
    asker: Asker


class BatchClient(Generic[Item, Result]):
    """Sends items to one batch route of one service, in the words of its contract."""

    def __init__(
        self, client: ServiceClient, path: str, *, telemetry: Telemetry, metrics: BatchMetrics
    ) -> None:
        self._client = client
        self._path = path
        self._telemetry = telemetry
        self._batcher: Batcher[_Question, Result] = Batcher(
            self._run,
            name=f"http-{client.name}",
            max_batch=200,
            lanes=LANES,
            metrics=metrics,
        )
        self.close = self._batcher.close

    async def ask(
        self, items: Sequence[Item | Exception], askers: Sequence[Asker]
    ) -> list[Result | Exception]:
        """Return each item's result, in order, or the Unanswered that says why there is none.

        Why there is no item is its result.
        """
        asked = [
            _Question(item, asker)
            for item, asker in zip(items, askers, strict=True)
            if not isinstance(item, Exception)
        ]
        if not asked:
            return [item for item in items if isinstance(item, Exception)]
        try:
            results = iter(await self._batcher.submit_many(asked))
        except Overloaded as error:
            results = iter([Unanswered(self._client.name, error.detail)] * len(asked))
        return [
            item if isinstance(item, Exception) else self._read(next(results)) for item in items
        ]

    def _read(self, result: Result | Exception) -> Result | Exception:
        if isinstance(result, TransportError):
            return Unanswered(self._client.name, result.detail)
        if isinstance(result, Exception):
            return result
        skip = skip_of(result)
        if skip is None:
            return result
        reason = Unanswered if skip in _NO_FAULT else Unusable
        return reason(self._client.name, f"{skip}: {result.get('message')}")

    async def _run(self, questions: Sequence[_Question]) -> Sequence[Result | Exception]:
        answer = await self._send(questions)
        if answer.status in _UNREADABLE and len(questions) > 1:
            # A body that was not read has done nothing. What is wrong with it (an item, or only
            # that all together are too much) must not fail the items of other merchants.
            half = len(questions) // 2
            return [*await self._part(questions[:half]), *await self._part(questions[half:])]
        if answer.status != 200:
            reason = Unusable if answer.status in _UNREADABLE else Unanswered
            raise reason(self._client.name, f"answered {answer.status}")
        results: list[Result] = from_json(answer.body)["results"]
        return results

    async def _part(self, questions: Sequence[_Question]) -> Sequence[Result | Exception]:
        try:
            return await self._run(questions)
        except (TransportError, Unanswered) as error:
            # The other part has its own answer.
            return [error] * len(questions)

    async def _send(self, questions: Sequence[_Question]) -> Response:
        items = [
            {**item, **asker.trace.fields, "deadline_ms": asker.deadline.remaining_ms()}
            for item, asker in questions
        ]
        members = [asker.trace.traceparent for _, asker in questions]
        with self._telemetry.batch_span(f"{self._client.name} batch", members):
            return await self._client.request(
                "POST",
                self._path,
                body=to_json({"items": items}),
                deadline=max(asker.deadline for _, asker in questions),
                retryable=True,
            )
