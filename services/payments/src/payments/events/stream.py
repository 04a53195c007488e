"""Events as a stream (text/event-stream, WHATWG HTML, 9.2): where one begins, and its bytes.

Comments end in no blank line: that ends an event, and clients that do not look whether it holds
anything hand on an empty one.
"""

from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic_core import to_json

from payments.events.answers import EventTeller
from payments.events.feed import EventFeed
from payments.store.events import DepositEvent

_IDLE = b": idle\n"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class EventStream(StreamingResponse):
    """An answer that is a stream of events."""

    media_type = "text/event-stream"


async def stream_of(
    feed: EventFeed,
    teller: EventTeller,
    merchant: str,
    asked: int | None,
    newest: int,
    *,
    full: bool,
) -> AsyncIterator[bytes]:
    """Yield the merchant's events after the one that was asked for, else after the newest.

    Whoever did not ask is told where the stream begins, and resumes from there when the connection
    is lost before its first event. Whoever asks for what is not there yet knows events of a ledger
    that was set back since: it is told so by `reset`, and goes on from the newest. In the place of
    an event that cannot be read comes `unreadable`, with its sequence.
    """
    start = asked
    if start is None or start > newest:
        name = "start" if asked is None else "reset"
        start = newest
        where = to_json({"after": newest} if asked is None else {"after": newest, "asked": asked})
        yield format_sse_event(data_str=where.decode(), event=name, id=str(newest))
    else:
        # Proxies and clients wait for a first byte.
        yield _IDLE
    async for event in feed.follow(merchant, start, full=full):
        if event is None:
            yield _IDLE
            continue
        if isinstance(event, DepositEvent):
            # The stream is of payments.
            continue
        body, place = teller.tell(event, full=full), str(event.sequence)
        if body is None:
            lost = to_json({"sequence": event.sequence}).decode()
            yield format_sse_event(data_str=lost, event="unreadable", id=place)
        else:
            yield format_sse_event(data_str=body.decode(), event="payment", id=place)
