"""What services reach of payments: the gateway pays for many callers at once, webhooks reads what
happened, of all merchants, in order.
"""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from kurs.contracts.payments import FeedAnswer, FeedEvent
from kurs.edges import edge_request_id
from kurs.kernel.errors import Unavailable, problem_responses
from kurs.web.direct import direct_post
from kurs.web.parts import from_app, part_of
from kurs.web.routing import router
from payments.batches import BatchPaying
from payments.events.answers import EventTeller
from payments.events.feed import EventFeed
from payments.events.schemas import FeedQuery
from payments.schemas import PaymentBatch, PayResultAnswer
from payments.store.events import DepositEvent, Event, UnreadableEvent


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


@service_routes.get("/events/feed", response_model=FeedAnswer)
async def read_feed(
    feed: Annotated[EventFeed, from_app(EventFeed)],
    teller: Annotated[EventTeller, from_app(EventTeller)],
    query: Annotated[FeedQuery, Query()],
) -> FeedAnswer:
    """Return the next events; without `after` none, and where the present end is."""
    if query.after is None:
        end = await feed.now()
        ids = await feed.ids([end])
        return FeedAnswer(events=[], next_after=end, next_id=ids.get(end, ""))
    page = await feed.next_page(query.after, query.limit, query.wait_seconds, query.merchants)
    told = [(event, teller.tell(event)) for event in page.items]
    newest = None if told else await feed.now()
    ids = await feed.ids({query.after, page.next_after})
    return FeedAnswer(
        events=[
            _fed(event, body)
            for event, body in told
            if not isinstance(event, UnreadableEvent) and body
        ],
        unreadable=[event.sequence for event, body in told if body is None],
        next_after=page.next_after,
        newest=newest,
        after_id=ids.get(query.after, ""),
        next_id=ids.get(page.next_after, ""),
    )


def _fed(event: Event | DepositEvent, body: bytes) -> FeedEvent:
    return FeedEvent(
        id=event.id,
        sequence=event.sequence,
        merchant=event.merchant,
        payment_id=event.subject,
        type=event.type,
        at=event.at,
        body=body.decode(),
    )
