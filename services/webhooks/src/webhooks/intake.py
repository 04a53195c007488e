"""Reads the feed of payments: one replica at a time, page by page, from where it was left."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from pydantic import ValidationError
from structlog.typing import FilteringBoundLogger

from kurs.calls import TransportError
from kurs.contracts.payments import FeedAnswer
from kurs.data.database import Database
from kurs.kernel import progress
from kurs.kernel.clock import MICROS, Clock, monotonic
from kurs.kernel.errors import Problem
from webhooks.common_past import common_past
from webhooks.destinations import Destinations
from webhooks.domain.cursor import Cursor
from webhooks.feed_client import WAIT_SECONDS, FeedClient, FeedUnreadable
from webhooks.late_events import LateEvents
from webhooks.metrics import WebhookMetrics
from webhooks.passing import past_locked
from webhooks.store import held, intake, known

_LEASE_SECONDS = 10.0
_RENEW_SECONDS = 3.0
_PAUSE_SECONDS = 0.5
_LOCKED_SECONDS = 0.5
"""What somebody keeps locked is looked for again so soon, whether or not anything happens."""


class Intake:
    """Follows the feed while it holds it; `taken_in` is set whenever something was stored.

    `registered` is called when the destinations in force have become known to the database.
    """

    def __init__(
        self,
        *,
        database: Database,
        feed: FeedClient,
        destinations: Destinations,
        metrics: WebhookMetrics,
        registered: Callable[[], None],
        owner: str,
        clock: Clock,
        logger: FilteringBoundLogger,
    ) -> None:
        self._database = database
        self._feed = feed
        self._tell_registered = registered
        self._destinations = destinations
        self._metrics = metrics
        self._owner = owner
        self._clock = clock
        self._log = logger
        self._late = LateEvents(database, feed, destinations, owner=owner, clock=clock)
        self._renew_monotonic = 0.0
        self._registered: object = None
        self._failed = False
        self._read_at: int | None = None
        self.taken_in = asyncio.Event()

    async def run(self) -> None:
        """Read on until cancelled."""
        while True:
            try:
                if not await self.step():
                    await asyncio.sleep(_PAUSE_SECONDS)
                self._failed = False
            except (TransportError, Problem, FeedUnreadable, ValidationError) as error:
                if not self._failed:
                    self._log.warning("the feed of payments is not read", error=error)
                await self._rest()
            except Exception as error:
                # Whatever it is, it stops the events of all merchants: it is tried and told again.
                if not self._failed:
                    self._log.error("the feed of payments is not read", exc_info=error)
                await self._rest()
            progress.made()

    async def step(self) -> bool:
        """Read one page, if this replica may; return whether to go on at once."""
        if not self._destinations.loaded or not await self._holds():
            return False
        all_known = await self._register()
        cursor, any_held = await self._database.read(intake.read_position)
        if cursor is None:
            end = await self._feed.end()
            start = Cursor(end.next_after, end.next_id)
            await self._database.write(partial(intake.begin_at, owner=self._owner, start=start))
            return True
        if any_held:
            any_held = await self._place()
        if await self._late.look(pass_locked=any_held):
            self.taken_in.set()
        in_force = self._destinations.in_force
        merchants = self._destinations.merchants
        wait = 0.0
        if merchants:
            # Who waits payments answers so often and no more; who does not, at once.
            wait = WAIT_SECONDS if all_known and not any_held else _LOCKED_SECONDS
        page = await self._feed.page(cursor.sequence, wait_seconds=wait, wanted_by=merchants)
        self._was_read()
        if self._destinations.in_force is not in_force:
            # What was passed over may be wanted by now.
            return True
        if cursor.is_of_another(page.after_id, page.newest):
            await self._set_back(cursor)
            return True
        if page.next_after == cursor.sequence:
            await self._mark(cursor, page.next_id)
            return bool(merchants)
        stored = await self._take_in(cursor, page, pass_locked=any_held)
        return stored and bool(merchants)

    async def close(self) -> None:
        """Let another replica read on at once."""
        with suppress(Problem):
            await self._database.write(partial(intake.leave_feed, owner=self._owner))

    async def _rest(self) -> None:
        """Count a failure, and begin anew after a while: with what is in force then, too."""
        self._failed = True
        self._registered = None
        self._metrics.intake_failures.inc()
        await asyncio.sleep(_PAUSE_SECONDS)

    async def _holds(self) -> bool:
        if monotonic() < self._renew_monotonic:
            return True
        now = self._clock.now()
        until = now + round(_LEASE_SECONDS * MICROS)
        take = partial(
            intake.take_feed, owner=self._owner, now=now, until=until, read_at=self._read_at
        )
        if not await self._database.write(take):
            return False
        self._renew_monotonic = monotonic() + _RENEW_SECONDS
        return True

    def _was_read(self) -> None:
        """Note that the feed answers; the first time all are to know of it at once."""
        self._metrics.looks.inc()
        if self._read_at is None:
            self._renew_monotonic = 0.0
        self._read_at = self._clock.now()

    async def _register(self) -> bool:
        """Let the database know what is in force; return whether it does all of it."""
        if self._destinations.in_force is self._registered:
            return True
        in_force = self._destinations.in_force
        versions = self._destinations.versions()
        now = self._clock.now()
        register = partial(known.register, versions=versions, now=now)
        all_known = await past_locked(self._database, register)
        if all_known:
            self._registered = in_force
        self._tell_registered()
        self.taken_in.set()
        return all_known

    async def _take_in(self, cursor: Cursor, page: FeedAnswer, *, pass_locked: bool) -> bool:
        work = partial(
            intake.take_in,
            owner=self._owner,
            after=cursor.sequence,
            page=page,
            wants=self._destinations.wanting,
            versions=self._destinations.versions,
            now=self._clock.now(),
        )
        stored = await past_locked(self._database, work, at_once=pass_locked)
        if stored:
            self._metrics.taken_in.inc(len(page.events))
            self.taken_in.set()
        return stored

    async def _place(self) -> bool:
        """Give what is held its place; return whether some is left."""
        versions, now = self._destinations.versions, self._clock.now()
        place = partial(held.take_up, owner=self._owner, versions=versions, now=now)
        left = await self._database.write(place)
        self.taken_in.set()
        return left

    async def _mark(self, cursor: Cursor, event_id: str | None) -> None:
        """Note which event is there, if a release before left it out."""
        if cursor.event_id is None and event_id is not None:
            await self._go_on(cursor, Cursor(cursor.sequence, event_id))

    async def _set_back(self, cursor: Cursor) -> None:
        """Go on from the last event that both know: payments was set back to long ago."""
        self._metrics.set_back.inc()
        newest = (await self._feed.end()).next_after
        place = await common_past(self._database, self._feed, cursor, newest)
        error = f"it was read until {cursor.sequence}, ends now with {newest}, and has other events"
        self._log.error("the feed of payments was set back", sequence=place.sequence, error=error)
        await self._go_on(cursor, place)

    async def _go_on(self, cursor: Cursor, place: Cursor) -> None:
        go_on = partial(intake.go_on_from, owner=self._owner, after=cursor.sequence, place=place)
        await self._database.write(go_on)
