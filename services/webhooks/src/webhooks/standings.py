"""How destinations do, as merchants, the operator and metrics are told: the same to all."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from kurs.config.resources import EventDestinationSpec
from kurs.data.database import Database
from kurs.kernel.clock import Clock, monotonic
from webhooks.domain.health import Reason, Standing, ready_or_why, reason_of
from webhooks.sender import Sender
from webhooks.store.standings import standings

_DAY_SECONDS = 86_400
_CHECK_SECONDS = 15.0
"""For how long it is believed that nothing hinders sending to a destination."""


class DestinationStanding(NamedTuple):
    """How a destination does, in a word, a sentence and numbers."""

    reason: Reason
    message: str
    standing: Standing | None

    @property
    def ready(self) -> bool:
        """Whether it gets what it is to get."""
        return self.reason == "Delivering"


class Standings:
    """Asks the database, and whether anything hinders sending at all."""

    def __init__(
        self, database: Database, sender: Sender, clock: Clock, *, failing_after_days: float
    ) -> None:
        self._database = database
        self._sender = sender
        self._clock = clock
        self._failing_after = round(failing_after_days * _DAY_SECONDS)
        self._unhindered: dict[str, tuple[EventDestinationSpec, float]] = {}

    async def of(
        self, specs: Mapping[str, EventDestinationSpec]
    ) -> Mapping[str, DestinationStanding]:
        """Return how these destinations do; raises DatabaseUnavailable."""
        merchants = {name: spec.merchant for name, spec in specs.items()}
        found, read_at = await self._database.read(partial(standings, merchants=merchants))
        hindrances = await asyncio.gather(*(self._hindrance(*item) for item in specs.items()))
        now = self._clock.now()
        told = {}
        for (name, spec), hindrance in zip(specs.items(), hindrances, strict=True):
            standing = found.get(name)
            reason = reason_of(spec.suspend, standing, now, self._failing_after)
            seen = standing or Standing()
            why = ready_or_why(reason, seen, now, hindrance=hindrance, feed_read_at=read_at)
            told[name] = DestinationStanding(*why, standing)
        return told

    async def _hindrance(self, name: str, spec: EventDestinationSpec) -> str:
        known, until = self._unhindered.get(name, (None, 0.0))
        if known == spec and monotonic() < until:
            return ""
        hindrance = await self._sender.hindrance(spec)
        if hindrance:
            self._unhindered.pop(name, None)
        else:
            self._unhindered[name] = (spec, monotonic() + _CHECK_SECONDS)
        return hindrance
