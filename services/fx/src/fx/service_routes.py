"""The routes between services: batches in, batches out. The gateway does not forward to them."""

from fastapi import Request, Response

from fx.batches import BatchQuoting
from fx.errors import NoRates
from fx.schemas import BatchAnswer, QuoteBatch
from kurs.kernel.clock import monotonic
from kurs.kernel.errors import problem_responses
from kurs.web.direct import direct_post
from kurs.web.parts import part_of
from kurs.web.routing import router

service_routes = router(tags=["between services"])


@direct_post(
    service_routes,
    "/quotes/batch",
    body=QuoteBatch,
    summary="Many quotes at once",
    response_model=BatchAnswer,
    responses=problem_responses(NoRates),
)
async def quote_batch(request: Request) -> Response:
    """Return one result per item, in inquiry."""
    # Straight from bytes to items and back: this route is on the way of every payment.
    arrived = monotonic()
    body = part_of(request, BatchQuoting).answer(await request.body(), arrived)
    return Response(body, media_type="application/json")
