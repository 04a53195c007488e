"""The event feed: wakes those who follow it when something was committed, here or elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from functools import partial

from kurs.data.database import Database
from kurs.kernel.clock import monotonic
from payments.store.events import (
    AnyEvent,
    EventPage,
    event_ids,
    event_page,
    events_after,
    last_sequence,
)
from payments.store.feed import FeedPage, feed_page

_PAGE = 200
_POLL_SECONDS = 1.0
# Between two reads of one follower: under load it gets its events in groups.
_PAUSE_SECONDS = 0.1
# What a page of the feed costs beside its events is as much as some fifty of them do. So the reader
# of all events waits longer for the next page the more there was for the last, up to a second.
_REST_SECONDS_EACH = 0.01
_MOST_REST_SECONDS = 1.0


class EventFeed:
    """Follows the events table. Its sequence has no gaps that are filled later (see writes).

    Streams end once `draining` says so: a process that stops would wait for their followers.
    """

    def __init__(self, database: Database, draining: Callable[[], bool]) -> None:
        self._database = database
        self._draining = draining
        self._news = asyncio.Event()
        self._rest_until_monotonic = 0.0

    @property
    def draining(self) -> bool:
        """Whether streams end."""
        return self._draining()

    def wake(self) -> None:
        """Tell the followers that this process committed an event."""
        self._news.set()

    async def now(self) -> int:
        """Return the sequence of the newest event of all."""
        return await self._database.read(last_sequence)

    async def ids(self, sequences: Collection[int]) -> Mapping[int, str]:
        """Return the ids of the events that have these sequences."""
        return await self._database.read(partial(event_ids, sequences=sequences))

    async def page(
        self,
        merchant: str,
        after: int,
        limit: int,
        types: Collection[str] = (),
        *,
        full: bool = False,
    ) -> EventPage:
        """Return events of a merchant, of some types if these are named."""
        look = partial(event_page, merchant=merchant, sequence=after, limit=limit, types=types)
        return await self._database.read(partial(look, full=full))

    async def next_page(
        self,
        after: int,
        limit: int,
        wait_seconds: float,
        wanted_by: Collection[str] | None = None,
    ) -> FeedPage:
        """Return events of all merchants, or of these, waiting for the first as long as is said."""
        deadline, asked = monotonic() + wait_seconds, after
        while True:
            await asyncio.sleep(min(self._rest_until_monotonic, deadline) - monotonic())
            self._news.clear()
            look = partial(feed_page, sequence=after, limit=limit, wanted_by=wanted_by)
            page = await self._database.read(look)
            self._rest(page, passed=page.next_after - after)
            if page.items or monotonic() >= deadline or self._draining():
                return page if after == asked else await self._as_asked(page, asked)
            after = page.next_after
            if not page.has_more:
                await self._wait()

    async def _as_asked(self, page: FeedPage, asked: int) -> FeedPage:
        """Say what is at the sequence that was asked for by now: it may have been set back."""
        return page._replace(after_id=(await self.ids([asked])).get(asked, ""))

    def _rest(self, page: FeedPage, *, passed: int) -> None:
        """Let the next page wait for more, unless there is more already."""
        seconds = 0.0 if page.has_more else min(_MOST_REST_SECONDS, passed * _REST_SECONDS_EACH)
        self._rest_until_monotonic = monotonic() + seconds

    async def follow(
        self, merchant: str, after: int, *, full: bool = False
    ) -> AsyncIterator[AnyEvent | None]:
        """Yield the merchant's events after a sequence; None when idle.

        Other replicas' events are found by looking once a second.
        """
        while not self._draining():
            self._news.clear()
            look = partial(events_after, merchant=merchant, sequence=after, limit=_PAGE, full=full)
            page = await self._database.read(look)
            for event in page:
                after = event.sequence
                yield event
            if len(page) < _PAGE:
                if not page:
                    yield None
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_POLL_SECONDS):
                await self._news.wait()
            await asyncio.sleep(_PAUSE_SECONDS)
        except TimeoutError:
            pass
