"""Test events: one request to a destination by hand, of which nothing is kept.

Nothing happened, so it has no sequence, and no event waits for it or is held by it.
"""

import asyncio
from secrets import token_hex
from typing import NamedTuple

from kurs.config.resources import EventDestinationSpec
from kurs.kernel.clock import Clock, monotonic, to_rfc3339
from kurs.kernel.errors import Overloaded
from webhooks.domain.delivery import Delivery, DeliveryAttempt
from webhooks.schemas import TestEvent
from webhooks.sender import Sender

_MOST_SECONDS = 8
"""Whoever asks waits for the answer, through a gateway that waits for ten seconds."""
_AT_ONCE = 8


class TriedEvent(NamedTuple):
    """A test event that was sent, and what became of it within `seconds`."""

    event_id: str
    attempt: DeliveryAttempt
    seconds: float


class Trial:
    """Sends test events, a few at once."""

    def __init__(self, sender: Sender, clock: Clock) -> None:
        self._sender = sender
        self._clock = clock
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def send(self, name: str, spec: EventDestinationSpec, actor: str) -> TriedEvent:
        """Send one, and say what became of it; raises Overloaded."""
        if self._places.locked():
            raise Overloaded("too many test events are under way", headers={"retry-after": "1"})
        bounded = spec.model_copy(update={"timeout": min(spec.timeout, _MOST_SECONDS)})
        delivery = self._delivery(name, actor)
        async with self._places:
            begun = monotonic()
            attempt = await self._sender.send(bounded, delivery)
            seconds = monotonic() - begun
        return TriedEvent(delivery.event_id, attempt, seconds)

    def _delivery(self, name: str, actor: str) -> Delivery:
        now, event_id = self._clock.now(), f"test_{token_hex(12)}"
        event = TestEvent(id=event_id, destination=name, actor=actor, at=to_rfc3339(now))
        return Delivery(
            destination=name,
            sequence=0,
            previous=None,
            event_id=event_id,
            payment_id="",
            event=event.model_dump_json(exclude={"previous_sequence"}),
            happened_at=now,
            attempts=0,
            replays=0,
        )
