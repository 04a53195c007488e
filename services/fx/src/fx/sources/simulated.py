"""Live rates without a network: a seeded random walk around given mids."""

from collections.abc import Mapping
from decimal import Decimal

from fx.domain.rates import Observation
from fx.domain.walk import Walk


class SimulatedSource:
    """Walks away from each mid and back; replicas with one seed say the same at the same moment.

    `step` (of the walk) and `refresh_interval` are microseconds. Both are counted from the epoch,
    and a rate is dated at the start of its step, so that a replica that starts later agrees too.
    """

    def __init__(
        self,
        mids: Mapping[str, Decimal],
        *,
        seed: int,
        volatility_bps: int,
        step: int,
        refresh_interval: int,
    ) -> None:
        self._step = step
        self._interval = refresh_interval
        self._walks = {
            currency: Walk(mid, seed=seed, currency=currency, volatility_bps=volatility_bps)
            for currency, mid in mids.items()
        }

    def read(self, now: int) -> Mapping[str, Observation]:
        """Return the mids of the step in which the interval of `now` began."""
        began = now // self._interval * self._interval
        number = began // self._step
        return {
            currency: Observation(walk.mid(number), number * self._step)
            for currency, walk in self._walks.items()
        }

    async def fetch(self, now: int) -> Mapping[str, Observation]:
        """Return the mids of the step in which the interval of `now` began."""
        return self.read(now)

    def next_after(self, now: int) -> int:
        """Return the beginning of the next interval."""
        return (now // self._interval + 1) * self._interval
