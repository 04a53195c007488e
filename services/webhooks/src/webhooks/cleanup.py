"""Forgets what was delivered long ago, a bounded number at a time."""

from functools import partial

from kurs.data.database import Database
from kurs.kernel.clock import MICROS, Clock
from webhooks.destinations import Destinations
from webhooks.metrics import WebhookMetrics
from webhooks.store.pruning import forget_destinations, prune

ROWS = 1_000
"""Deliveries per transaction, so that nobody waits long."""
_DAY_SECONDS = 86_400


class Cleanup:
    """Removes what is older than `days`."""

    def __init__(
        self,
        database: Database,
        destinations: Destinations,
        *,
        days: float,
        clock: Clock,
        metrics: WebhookMetrics,
    ) -> None:
        self._database = database
        self._destinations = destinations
        self._age = round(days * _DAY_SECONDS * MICROS)
        self._clock = clock
        self._metrics = metrics

    async def turn(self) -> int:
        """Remove all that is old; return how much it was."""
        if not self._destinations.loaded:
            return 0
        names = list(self._destinations.in_force)
        before = self._clock.now() - self._age
        total = 0
        while True:
            work = partial(prune, names=names, before=before, limit=ROWS)
            removed = await self._database.write(work)
            total += removed
            self._metrics.pruned.inc(removed)
            if removed < ROWS:
                break
        if names:
            await self._database.write(partial(forget_destinations, names=names, before=before))
        return total
