"""What services reach of payments: the gateway pays for many callers at once, webhooks reads what
happened, of all merchants, in order.
"""

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from kurs.contracts.payments import FeedAnswer
from kurs.edges import edge_request_id
from kurs.kernel.errors import Unavailable, problem_responses
from kurs.web.direct import direct_get, direct_post, read_query
from kurs.web.parts import part_of
from kurs.web.routing import router
from payments.batches import BatchPaying
from payments.events.answers import EventTeller
from payments.events.feed import EventFeed
from payments.events.schemas import FeedQuery
from payments.schemas import PaymentBatch, PayResultAnswer
from payments.store.feed import FeedPage


class Lines(StreamingResponse):
    """Lines of JSON, each sent once it is there."""

    media_type = "application/x-ndjson"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines; that the gateway has gone stops no payment, so nobody listens for it."""
        del scope, receive
        await self.stream_response(send)


service_routes = router(tags=["between services"], responses=problem_responses(Unavailable))


@direct_post(
    service_routes,
    "/payments/batch",
    body=PaymentBatch,
    response_class=Lines,
    responses={200: {"model": PayResultAnswer, "description": "Lines of JSON, one per item"}},
    summary="Make payments of many callers at once",
)
async def pay_batch(request: Request) -> Lines:
    """Answer each item as `POST /payments` does, in any order; nobody waits for another."""
    paying = part_of(request, BatchPaying)
    lines = await paying.answer(await request.body(), edge_request_id(request.scope))
    return Lines(lines)


@direct_get(
    service_routes,
    "/events/feed",
    query=FeedQuery,
    response_model=FeedAnswer,
    summary="Read what happened, of all merchants",
)
async def read_feed(request: Request) -> Response:
    """Return the next events; without `after` none, and where the present end is."""
    query = read_query(request, FeedQuery)
    feed, teller = part_of(request, EventFeed), part_of(request, EventTeller)
    if query.after is None:
        end = await feed.now()
        ids = await feed.ids([end])
        page = FeedPage([], end, False, None, ids.get(end, ""))
    else:
        page = await feed.next_page(query.after, query.limit, query.wait_seconds, query.merchants)
    return Response(teller.fed(page), media_type="application/json")
