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
    feed_page,
    last_sequence,
)

_PAGE = 200
_POLL_SECONDS = 1.0
# Between two reads of one follower: under load it gets its events in groups.
_PAUSE_SECONDS = 0.1


class EventFeed:
    """Follows the events table. Its sequence has no gaps that are filled later (see writes).

    Streams end once `draining` says so: a process that stops would wait for their followers.
    """

    def __init__(self, database: Database, draining: Callable[[], bool]) -> None:
        self._database = database
        self._draining = draining
        self._news = asyncio.Event()

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
        self, merchant: str, after: int, limit: int, types: Collection[str] = ()
    ) -> EventPage:
        """Return events of a merchant, of some types if these are named."""
        return await self._database.read(
            partial(event_page, merchant=merchant, sequence=after, limit=limit, types=types)
        )

    async def next_page(
        self,
        after: int,
        limit: int,
        wait_seconds: float,
        wanted_by: Collection[str] | None = None,
    ) -> EventPage:
        """Return events of all merchants, or of these, waiting for the first as long as is said."""
        deadline = monotonic() + wait_seconds
        while True:
            self._news.clear()
            look = partial(feed_page, sequence=after, limit=limit, wanted_by=wanted_by)
            page = await self._database.read(look)
            if page.items or monotonic() >= deadline or self._draining():
                return page
            after = page.next_after
            if not page.has_more:
                await self._wait()

    async def follow(self, merchant: str, after: int) -> AsyncIterator[AnyEvent | None]:
        """Yield the merchant's events after a sequence; None when idle.

        Other replicas' events are found by looking once a second.
        """
        while not self._draining():
            self._news.clear()
            page = await self._database.read(
                partial(events_after, merchant=merchant, sequence=after, limit=_PAGE)
            )
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
