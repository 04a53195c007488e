"""The routes that merchants reach through the gateway: parse, call the service once, answer."""

from typing import Annotated

from fastapi import Path

from kurs.calls import current_deadline
from kurs.data.failures import DatabaseUnavailable
from kurs.kernel.accounts import shown
from kurs.kernel.batching import DeadlineExceeded
from kurs.kernel.caller import Caller, CallerDep, MerchantRequired
from kurs.kernel.errors import FieldError, Overloaded, problem_responses
from kurs.kernel.ids import PaymentId
from kurs.kernel.validation import read_amount
from kurs.web.parts import from_app
from kurs.web.routing import router
from risk import answers
from risk.batches import conflict_message
from risk.configuration import Configuration
from risk.domain.attempt import Attempt
from risk.domain.batch import Conflict
from risk.errors import DecisionConflict, DecisionNotFound, NotConfigured
from risk.schemas import (
    DecisionAnswer,
    ScoreAnswer,
    ScoreRequest,
    ThresholdsAnswer,
)
from risk.service import RiskService, Skipped, WaitingAttempt

_SCORE_PROBLEMS = problem_responses(
    MerchantRequired,
    DecisionConflict,
    NotConfigured,
    Overloaded,
    DeadlineExceeded,
    DatabaseUnavailable,
)


RiskDep = Annotated[RiskService, from_app(RiskService)]
ConfigurationDep = Annotated[Configuration, from_app(Configuration)]

routes = router(tags=["risk"])


@routes.post(
    "/score",
    summary="What would be decided on a payment; nothing is stored or counted",
    responses=_SCORE_PROBLEMS,
)
async def score(body: ScoreRequest, caller: CallerDep, service: RiskDep) -> ScoreAnswer:
    """Return the decision that the payment would get now, or the one that it has."""
    deadline = current_deadline.get()
    waiting = WaitingAttempt(
        _attempt(body, caller), deadline.expires_monotonic if deadline else None
    )
    result = await service.judge(waiting)
    if isinstance(result, Conflict):
        raise _conflict(body, result)
    if isinstance(result, Skipped):
        raise DeadlineExceeded("the deadline passed before the payment was scored")
    return answers.score_answer(result.decision)


@routes.get(
    "/decisions/{payment_id}",
    summary="A stored decision",
    responses=problem_responses(MerchantRequired, DecisionNotFound, DatabaseUnavailable),
)
async def decision(
    payment_id: Annotated[PaymentId, Path()], caller: CallerDep, service: RiskDep
) -> DecisionAnswer:
    """Return what was decided on a payment, and on what."""
    found = await service.decision(caller.merchant, payment_id)
    return answers.decision_answer(found, full=caller.sees_all)


@routes.get(
    "/thresholds",
    summary="The thresholds in force, and who edited them last",
    responses=problem_responses(NotConfigured),
)
async def thresholds(configuration: ConfigurationDep) -> ThresholdsAnswer:
    """Return which thresholds judge payments, and their limits in words."""
    document, policy = configuration.document, configuration.policy()
    if document is None or policy is None:
        raise NotConfigured("no risk document has been loaded yet; /internal/config says why")
    return answers.thresholds_answer(document, policy)


def _attempt(request: ScoreRequest, caller: Caller) -> Attempt:
    minor = read_amount(request.amount, request.currency, "amount")
    return Attempt(
        f"{caller.merchant}:{request.payment_id}",
        caller.merchant,
        minor,
        request.currency,
        shown(caller.merchant, request.source_account),
        shown(caller.merchant, request.destination_account),
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
