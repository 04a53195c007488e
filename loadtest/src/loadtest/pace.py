"""Lets so many payments begin a second, however many callers send them."""

import asyncio

from kurs.kernel.clock import monotonic


class Pace:
    """Beginnings at equal distances; what was late is not made up for by a burst."""

    def __init__(self, rate: float) -> None:
        self._seconds = 1 / rate
        self._next_at = 0.0

    async def turn(self) -> None:
        """Wait until the next one may begin."""
        now = monotonic()
        self._next_at = max(self._next_at + self._seconds, now)
        await asyncio.sleep(self._next_at - now)
