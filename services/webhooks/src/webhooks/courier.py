"""Sends to one destination: what is due, each payment in its order, payments side by side.

A destination that fails many times in a row is only probed, with one request now and then; once one
is taken, all goes on at once.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from structlog.typing import FilteringBoundLogger

from kurs.data.database import Database
from kurs.data.writer import Writer
from kurs.kernel.clock import MICROS, Clock, monotonic
from kurs.kernel.errors import Problem
from webhooks.destinations import Destinations, fingerprint_of
from webhooks.domain.backoff import next_try
from webhooks.domain.delivery import Delivery, DeliveryAttempt
from webhooks.domain.health import Health, Tried, after_round
from webhooks.metrics import WebhookMetrics
from webhooks.sender import Sender
from webhooks.settings import WebhooksSettings
from webhooks.store import sending
from webhooks.store.sending import Round

_IDLE_SECONDS = 60.0
_RETRY_SECONDS = 1.0
_LONGEST_REST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Trade:
    """What all couriers of a replica work with; `owner` is the replica."""

    database: Database
    writer: Writer[Round, bool]
    destinations: Destinations
    sender: Sender
    metrics: WebhookMetrics
    settings: WebhooksSettings
    owner: str
    clock: Clock
    logger: FilteringBoundLogger


class Courier:
    """Sends to the destination `name` until it is told to stop."""

    def __init__(self, name: str, trade: Trade) -> None:
        self.name = name
        self._trade = trade
        self._news = asyncio.Event()
        self._stopping = False
        self.held_until = 0
        """Until when the destination is ours, microseconds since the epoch."""
        self.seen_news = -1
        self._unrecorded = 0
        """Rounds in a row of which nothing could be recorded: all of them is sent again."""

    def wake(self) -> None:
        """Say that there may be more to send."""
        self._news.set()

    def stop(self) -> None:
        """End once what is under way has ended."""
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Send what is due, and wait for more."""
        while not self._stopping:
            self._news.clear()
            wait = 0.0
            try:
                wait = await self._round()
            except Problem as problem:
                self._trade.logger.warning(
                    "deliveries wait", destination=self.name, error=problem.detail
                )
                await self._rest()
            except Exception as error:
                # Whatever it is, it must not leave a destination without its courier.
                self._trade.logger.error("deliveries wait", destination=self.name, exc_info=error)
                await self._rest()
            if wait > 0 and not self._stopping:
                await self._wait(wait)

    async def _round(self) -> float:
        """Send what is due now; return for how many seconds there is nothing to do."""
        trade = self._trade
        spec = trade.destinations.in_force.get(self.name)
        now = trade.clock.now()
        if spec is None or spec.suspend:
            return _IDLE_SECONDS
        if now + spec.timeout * MICROS > self.held_until:
            # It might be another's before an answer is there.
            return _RETRY_SECONDS
        due = await trade.database.read(
            partial(
                sending.due,
                destination=self.name,
                merchant=spec.merchant,
                now=now,
                limit=trade.settings.max_requests_per_destination,
            )
        )
        if not due.items:
            if due.look_at is None:
                return _IDLE_SECONDS
            waits = (due.look_at - now) / MICROS
            # What should be due and is not must not make us ask without end.
            return min(max(waits, 0.01), _IDLE_SECONDS) if waits > 0 else _RETRY_SECONDS
        attempts = await asyncio.gather(*(trade.sender.send(spec, d) for d in due.items))
        self._unrecorded += 1
        await self._record(fingerprint_of(spec), due.health, due.items, attempts)
        self._unrecorded = 0
        return 0

    async def _record(
        self,
        fingerprint: str,
        before: Health,
        items: Sequence[Delivery],
        attempts: Sequence[DeliveryAttempt],
    ) -> None:
        trade, now = self._trade, self._trade.clock.now()
        tried = [
            Tried(item, attempt, now, next_try(item.attempts + 1, now, attempt.retry_after))
            for item, attempt in zip(items, attempts, strict=True)
        ]
        after = after_round(before, tried, now, round(trade.settings.failing_after_days * 86_400))
        sent = Round(self.name, trade.owner, fingerprint, tried, before, after)
        if not await trade.writer.submit(sent):
            trade.logger.warning("another replica sends to it by now", destination=self.name)
            return
        for each in tried:
            trade.metrics.tried(each.attempt)
            if each.attempt.taken and not each.delivery.attempts:
                trade.metrics.delivered_after(now - each.delivery.happened_at)
        self._tell(before, after)

    def _tell(self, before: Health, after: Health) -> None:
        log, name = self._trade.logger, self.name
        if after.gone_at is not None:
            log.error("destination wants no more", destination=name, error=after.last_error)
        elif after.failures and not before.failures:
            log.warning("destination fails", destination=name, error=after.last_error)
        elif before.failures and not after.failures:
            log.info("destination takes events again", destination=name)

    async def _rest(self) -> None:
        """Wait after what went wrong, news or not: for longer while nothing can be recorded."""
        rest = min(_RETRY_SECONDS * 2 ** min(self._unrecorded, 10), _LONGEST_REST_SECONDS)
        until = monotonic() + rest
        while not self._stopping and (left := until - monotonic()) > 0:
            self._news.clear()
            await self._wait(left)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass
