"""The routes between services: batches in, batches out. The gateway does not forward to them."""

from fastapi import Request, Response
from pydantic import TypeAdapter
from pydantic_core import to_json

from fx.schemas import BatchAnswer, QuoteBatch, QuoteItem
from fx.service import RateService
from kurs.contracts.batch import read_items
from kurs.kernel.clock import monotonic
from kurs.web.direct import direct_post
from kurs.web.parts import part_of
from kurs.web.routing import router

_BATCH = TypeAdapter(QuoteBatch)
_ITEM = TypeAdapter(QuoteItem)

service_routes = router(tags=["between services"])


@direct_post(
    service_routes,
    "/quotes/batch",
    body=QuoteBatch,
    summary="Many quotes at once",
    response_model=BatchAnswer,
)
async def quote_batch(request: Request) -> Response:
    """Return one result per item, in order."""
    arrived = monotonic()
    # Straight from bytes to items and back: this route is on the way of every payment.
    items = read_items(_BATCH, _ITEM, await request.body())
    results = part_of(request, RateService).quote_batch(items, arrived)
    return Response(to_json({"results": results}), media_type="application/json")
