"""What services reach of payments: webhooks reads what happened, of all merchants, in order."""

from typing import Annotated

from fastapi import Query

from kurs.contracts.payments import FeedAnswer, FeedEvent
from kurs.kernel.errors import Unavailable, problem_responses
from kurs.web.parts import from_app
from kurs.web.routing import router
from payments.event_answers import event_bytes, event_id
from payments.feed import Feed
from payments.schemas import FeedQuery
from payments.store.events import Event

service_routes = router(tags=["between services"], responses=problem_responses(Unavailable))


@service_routes.get("/events/feed", response_model=FeedAnswer)
async def read_feed(
    feed: Annotated[Feed, from_app(Feed)], query: Annotated[FeedQuery, Query()]
) -> FeedAnswer:
    """Return the next events; without `after` none, and where the present end is."""
    if query.after is None:
        return FeedAnswer(events=[], next_after=await feed.now())
    page = await feed.next_page(query.after, query.limit, query.wait_seconds)
    events = [_fed(event) for event in page.items]
    return FeedAnswer(events=events, next_after=page.next_after)


def _fed(event: Event) -> FeedEvent:
    return FeedEvent(
        id=event_id(event),
        sequence=event.sequence,
        merchant=event.payment.merchant,
        payment_id=event.payment.payment_id,
        type=event.type,
        at=event.at,
        body=event_bytes(event).decode(),
    )
