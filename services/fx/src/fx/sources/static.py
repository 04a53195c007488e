"""Rates that stand in the configuration."""

from collections.abc import Mapping
from decimal import Decimal

from fx.domain.rates import Observation


class StaticSource:
    """Says the same rates until the configuration changes.

    With `as_of` (microseconds) they are rates of that moment and age from it; without, whoever
    wrote them vouches for them now, and each refresh dates them anew.
    """

    def __init__(
        self, mids: Mapping[str, Decimal], *, as_of: int | None, refresh_interval: int
    ) -> None:
        self._mids = mids
        self._as_of = as_of
        self._interval = refresh_interval

    def read(self, now: int) -> Mapping[str, Observation]:
        """Return the rates."""
        as_of = now if self._as_of is None else self._as_of
        return {currency: Observation(mid, as_of) for currency, mid in self._mids.items()}

    async def fetch(self, now: int) -> Mapping[str, Observation]:
        """Return the rates."""
        return self.read(now)

    def next_after(self, now: int) -> int:
        """Return half an interval from now: a rate may be allowed to live for just one interval."""
        return now + self._interval // 2
