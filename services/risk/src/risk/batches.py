"""One batch request: items that are read, scored and answered each on its own."""

import json
from collections.abc import Sequence
from itertools import starmap
from typing import Any

from opentelemetry.trace import Span
from pydantic import TypeAdapter

from kurs.contracts.batch import Misfit, Skip, expires_monotonic, read_items, refused, skipped
from kurs.contracts.risk import Code, ScoreItem
from kurs.data.failures import DatabaseBlocked
from kurs.kernel.errors import Problem
from kurs.kernel.money import InvalidAmount, parse_amount
from kurs.telemetry import Telemetry
from risk import answers
from risk.domain.attempt import Attempt
from risk.domain.batch import Conflict, Scored
from risk.metrics import RiskMetrics
from risk.schemas import ScoreBatch
from risk.service import Result, RiskService, WaitingAttempt

SPAN = "risk score"

_BATCH = TypeAdapter(ScoreBatch)
_ITEM: TypeAdapter[ScoreItem] = TypeAdapter(ScoreItem)


class BatchScoring:
    """Answers `POST /score/batch`."""

    def __init__(self, service: RiskService, telemetry: Telemetry, metrics: RiskMetrics) -> None:
        self._service = service
        self._telemetry = telemetry
        self._metrics = metrics

    async def answer(self, body: bytes, arrived: float) -> bytes:
        """Return the answer's body; `arrived` is the monotonic moment of arrival, in seconds.

        Raises MalformedJson or Unprocessable when the body is no batch at all, and what
        RiskService.score raises. What fails for every item, as a database does, is raised: scoring
        can safely be repeated.
        """
        items = read_batch(body, arrived)
        waiting = [item for item in items if isinstance(item, WaitingAttempt)]
        spans = [self._span(each) for each in waiting]
        results = await self._service.score(waiting) if waiting else []
        _raise_common_failure(results)
        scored = starmap(self._finish, zip(results, spans, strict=True))
        parts = [next(scored) if isinstance(i, WaitingAttempt) else json.dumps(i) for i in items]
        if len(waiting) < len(items):
            self._metrics.attempt("skipped", len(items) - len(waiting))
        return answers.batch_answer(parts)

    def _span(self, waiting: WaitingAttempt) -> Span | None:
        if waiting.traceparent is None:
            return None
        return self._telemetry.item_span(SPAN, waiting.traceparent, waiting.baggage)

    def _finish(self, result: Result | Exception, span: Span | None) -> str:
        if span is not None:
            if isinstance(result, Scored):
                span.set_attribute("risk.decision", result.decision.outcome)
                span.set_attribute("risk.score", result.decision.score)
                span.set_attribute("config.revision", result.decision.config_revision)
            span.end()
        if isinstance(result, Scored):
            return answers.scored(result.decision)
        if isinstance(result, Conflict):
            code, message = Code.DECISION_CONFLICT, conflict_message(result)
            return json.dumps(refused(code, message, result.field))
        if isinstance(result, DatabaseBlocked):
            return json.dumps(skipped(Skip.BUSY, "somebody keeps its rows locked"))
        if isinstance(result, Exception):
            self._telemetry.logger.error("an item could not be scored", exc_info=result)
            message = "an unexpected error; the log has the details"
            return json.dumps(skipped(Skip.FAILED, message))
        return json.dumps(skipped(Skip.LATE, "the deadline passed before the item was scored"))


def read_batch(body: bytes, arrived: float) -> Sequence[WaitingAttempt | dict[str, Any]]:
    """Return the items that can be scored, and the results of the others, in order.

    Raises MalformedJson or Unprocessable when the body is no batch at all.
    """
    return [
        item.result() if isinstance(item, Misfit) else _waiting(item, arrived)
        for item in read_items(_BATCH, _ITEM, body)
    ]


def _raise_common_failure(results: Sequence[Result | Exception]) -> None:
    failures = [result for result in results if isinstance(result, Exception)]
    for failure in failures:
        alone = isinstance(failure, DatabaseBlocked) or not isinstance(failure, Problem)
        if not alone or len(failures) == len(results):
            raise failure


def conflict_message(conflict: Conflict) -> str:
    """Say what a conflict is about."""
    return f"payment {conflict.payment_id} was decided on with another {conflict.field}"


def _waiting(item: ScoreItem, arrived: float) -> WaitingAttempt | dict[str, Any]:
    if not item["payment_id"].startswith(f"{item['merchant']}:"):
        return skipped(Skip.UNREADABLE, 'write "<merchant>:<payment_id>"', "payment_id")
    try:
        minor = parse_amount(item["amount"], item["currency"])
    except InvalidAmount as error:
        return refused(Code(error.code), f"{error.message}; {error.hint}", "amount")
    attempt = Attempt(
        item["payment_id"],
        item["merchant"],
        minor,
        item["currency"],
        item["source_account"],
        item["destination_account"],
        item.get("destination_currency"),
        item.get("source_opened_at"),
        tuple((held["currency"], held["amount_minor"]) for held in item.get("exposure", ())),
        item.get("payee"),
    )
    until = expires_monotonic(item.get("deadline_ms"), arrived)
    return WaitingAttempt(attempt, until, item.get("traceparent"), item.get("baggage"))
