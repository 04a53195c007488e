"""Makes a flood of refusals slow: of each address without a key, of each merchant over its rate.

A refusal costs less than a request and still costs. Whoever gets more of them in a second than is
free waits a second for each further one, so a client that asks again as soon as it is answered
asks once a second on each of its connections, and these are bounded. Nobody is locked out: a
request with a good key within its rate never waits here, whatever its neighbours behind one
address do.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable

from kurs.kernel.clock import monotonic

PAUSE_SECONDS = 1.0


class Pace:
    """Counts by caller and second; the counts of a second are forgotten with it."""

    def __init__(
        self,
        free: int,
        *,
        now: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._free = free
        self._now = now
        self._sleep = sleep
        self._second = 0
        self._counts: defaultdict[tuple[str, str], int] = defaultdict(int)

    async def of_address(self, address: str) -> None:
        """Wait if this address had more than its free answers in this second."""
        await self._of(("address", address))

    async def of_merchant(self, merchant: str) -> None:
        """Wait if this merchant had more than its free answers in this second."""
        await self._of(("merchant", merchant))

    async def _of(self, caller: tuple[str, str]) -> None:
        second = int(self._now())
        if second != self._second:
            self._second = second
            self._counts.clear()
        self._counts[caller] += 1
        if self._counts[caller] > self._free:
            await self._sleep(PAUSE_SECONDS)
