"""The routes between services: batches in, batches out. The gateway does not forward to them."""

from fastapi import Request, Response

from kurs.data.failures import DatabaseUnavailable
from kurs.kernel.clock import monotonic
from kurs.kernel.errors import Overloaded, problem_responses
from kurs.web.direct import direct_post
from kurs.web.parts import part_of
from kurs.web.routing import router
from risk.batches import BatchScoring
from risk.errors import NotConfigured
from risk.exposures import judge_exposures
from risk.schemas import BatchAnswer, ExposureAnswer, ExposureBatch, ScoreBatch
from risk.service import RiskService

service_routes = router(tags=["between services"])


@direct_post(
    service_routes,
    "/score/batch",
    body=ScoreBatch,
    summary="Decide on many payments at once",
    response_model=BatchAnswer,
    responses=problem_responses(NotConfigured, Overloaded, DatabaseUnavailable),
)
async def score_batch(request: Request) -> Response:
    """Return one result per item, in order."""
    # Straight from bytes to items and back: this route is on the way of every payment.
    arrived = monotonic()
    body = await part_of(request, BatchScoring).answer(await request.body(), arrived)
    return Response(body, media_type="application/json")


@direct_post(
    service_routes,
    "/exposure/batch",
    body=ExposureBatch,
    summary="Whether limits allow what merchants hold open",
    response_model=ExposureAnswer,
    responses=problem_responses(NotConfigured),
)
async def exposure_batch(request: Request) -> Response:
    """Return one result per item, in order; nothing is stored."""
    arrived = monotonic()
    is_within = part_of(request, RiskService).is_within
    body = judge_exposures(await request.body(), arrived, is_within)
    return Response(body, media_type="application/json")
