"""HTTP of risk: parse, call the service once, answer."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from kurs.calls import current_deadline
from kurs.data.database import DatabaseUnavailable
from kurs.kernel.batching import DeadlineExceeded
from kurs.kernel.caller import Caller, CallerDep, MerchantRequired
from kurs.kernel.clock import monotonic
from kurs.kernel.errors import FieldError, Overloaded, Unprocessable, problem_responses
from kurs.kernel.ids import PaymentId
from kurs.kernel.money import InvalidAmount, parse_amount
from kurs.web.direct import json_body
from kurs.web.routing import router
from risk import answers
from risk.batches import BatchScoring, amount_error, conflict_message
from risk.configuration import Configuration
from risk.domain.attempt import Attempt
from risk.domain.batch import Conflict
from risk.errors import DecisionConflict, DecisionNotFound, NotConfigured
from risk.schemas import (
    BatchAnswer,
    DecisionAnswer,
    ScoreAnswer,
    ScoreBatch,
    ScoreRequest,
    ThresholdsAnswer,
)
from risk.service import Order, RiskService, Skipped

_SCORE_PROBLEMS = problem_responses(
    MerchantRequired,
    DecisionConflict,
    NotConfigured,
    Overloaded,
    DeadlineExceeded,
    DatabaseUnavailable,
)


def scores_router(service: RiskService) -> APIRouter:
    """Return the public routes."""
    routes = router(tags=["risk"])

    @routes.post(
        "/score",
        summary="What would be decided on a payment; nothing is stored or counted",
        responses=_SCORE_PROBLEMS,
    )
    async def score(request: ScoreRequest, caller: CallerDep) -> ScoreAnswer:
        deadline = current_deadline.get()
        order = Order(_attempt(request, caller), deadline.expires_at if deadline else None)
        result = await service.judge(order)
        if isinstance(result, Conflict):
            raise _conflict(request, result)
        if isinstance(result, Skipped):
            raise DeadlineExceeded("the deadline passed before the payment was scored")
        return answers.score_answer(result.decision)

    @routes.get(
        "/decisions/{payment_id}",
        summary="A stored decision",
        responses=problem_responses(MerchantRequired, DecisionNotFound, DatabaseUnavailable),
    )
    async def decision(
        payment_id: Annotated[PaymentId, Path()], caller: CallerDep
    ) -> DecisionAnswer:
        found = await service.decision(caller.merchant, payment_id)
        return answers.decision_answer(found, full=caller.sees_all)

    return routes


def thresholds_router(configuration: Configuration) -> APIRouter:
    """Return the route that tells what judges payments."""
    routes = router(tags=["risk"])

    @routes.get(
        "/thresholds",
        summary="The thresholds in force, and who edited them last",
        responses=problem_responses(NotConfigured),
    )
    async def thresholds() -> ThresholdsAnswer:
        if configuration.document is None:
            raise NotConfigured("no risk document has been loaded yet; /internal/config says why")
        return answers.thresholds_answer(configuration.document)

    return routes


def batch_router(scoring: BatchScoring) -> APIRouter:
    """Return the route between services."""
    routes = router(tags=["batch"])

    @routes.post(
        "/score/batch",
        summary="Decide on many payments at once, between services",
        response_model=BatchAnswer,
        responses=problem_responses(NotConfigured, Overloaded, DatabaseUnavailable),
        openapi_extra={"requestBody": json_body(ScoreBatch)},
    )
    async def score_batch(request: Request) -> Response:
        # Straight from bytes to items and back: this route is on the way of every payment.
        arrived = monotonic()
        body = await scoring.answer(await request.body(), arrived)
        return Response(body, media_type="application/json")

    return routes


def _attempt(request: ScoreRequest, caller: Caller) -> Attempt:
    try:
        minor = parse_amount(request.amount, request.currency)
    except InvalidAmount as error:
        raise Unprocessable("check amount", errors=[amount_error(error)]) from None
    return Attempt(
        f"{caller.merchant}:{request.payment_id}",
        caller.merchant,
        minor,
        request.currency,
        request.source_account,
        request.destination_account,
        request.destination_currency,
        request.source_opened_at,
    )


def _conflict(request: ScoreRequest, conflict: Conflict) -> DecisionConflict:
    hint = "send what was sent the first time, or another payment_id"
    shown = Conflict(request.payment_id, conflict.field)
    message = conflict_message(shown)
    return DecisionConflict(
        message, errors=[FieldError(conflict.field, "differs from what was decided on", hint)]
    )
