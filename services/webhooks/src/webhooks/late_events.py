"""Asks again for events that payments could not read at their turn, until it can."""

from functools import partial

from kurs.data.database import Database
from kurs.kernel.clock import MICROS, Clock
from webhooks.destinations import Destinations
from webhooks.feed_client import FeedClient
from webhooks.passing import past_locked
from webhooks.store import intake, unread

_AGAIN_SECONDS = 60
_AT_ONCE = 20


class LateEvents:
    """Takes in, late, what a mended or a later payments can read."""

    def __init__(
        self,
        database: Database,
        feed: FeedClient,
        destinations: Destinations,
        *,
        owner: str,
        clock: Clock,
    ) -> None:
        self._database = database
        self._feed = feed
        self._destinations = destinations
        self._owner = owner
        self._clock = clock
        self._next_at = 0

    async def look(self, *, pass_locked: bool = False) -> int:
        """Ask for those that were not asked for lately; return how many were taken in.

        With `pass_locked` nothing waits for the row of a destination.
        """
        now = self._clock.now()
        if now < self._next_at:
            return 0
        self._next_at = now + _AGAIN_SECONDS * MICROS
        due = partial(unread.due, before=now - _AGAIN_SECONDS * MICROS, limit=_AT_ONCE)
        taken = 0
        for sequence in await self._database.read(due):
            taken += await self._ask(sequence, now, pass_locked)
        return taken

    async def _ask(self, sequence: int, now: int, pass_locked: bool) -> bool:
        page = await self._feed.page(sequence - 1, limit=1, wait_seconds=0)
        if sequence in page.unreadable:
            await self._database.write(partial(unread.note, sequences=[sequence], now=now))
            return False
        late = partial(
            intake.take_late,
            owner=self._owner,
            sequence=sequence,
            # Of one that is not there any more, payments was set back.
            page=[event for event in page.events if event.sequence == sequence],
            wants=self._destinations.wanting,
            versions=self._destinations.versions,
            now=now,
        )
        return await past_locked(self._database, late, at_once=pass_locked)
