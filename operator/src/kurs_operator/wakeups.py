"""One level-based queue: it keeps what changed, not how, and hands all of it out at once.

A burst of changes becomes one step, `settle_seconds` after its first one. A step that fails is
tried again, later and later; a timer wakes it when a resource comes into force by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import suppress

from kurs.kernel.clock import monotonic

SETTLE_SECONDS = 0.03
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 30.0
STUCK_SECONDS = 60.0

Step = Callable[[frozenset[Hashable]], Awaitable[float | None]]
"""Takes what changed; returns in how many seconds to run again even if nothing does."""
OnFault = Callable[[Exception], None]


class Wakeups:
    """Runs a step for what was woken. One event loop, one step at a time."""

    def __init__(
        self, step: Step, *, on_fault: OnFault, clock: Callable[[], float] = monotonic
    ) -> None:
        self._step = step
        self._on_fault = on_fault
        self._clock = clock
        self._pending: dict[Hashable, float] = {}
        self._running_since_monotonic: float | None = None
        self._woken = asyncio.Event()
        self._failures = 0

    @property
    def depth(self) -> int:
        """How many things have changed since the last step took them."""
        return len(self._pending)

    def wake(self, what: Hashable) -> None:
        """Say that `what` may have changed."""
        self._pending.setdefault(what, self._clock())
        self._woken.set()

    def stuck(self) -> bool:
        """Tell whether something has waited, or a step has run, for too long."""
        oldest = min(self._pending.values(), default=None)
        since = [moment for moment in (oldest, self._running_since_monotonic) if moment is not None]
        return bool(since) and self._clock() - min(since) > STUCK_SECONDS

    async def run(self) -> None:
        """Run steps until cancelled."""
        timeout: float | None = None
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._woken.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            timeout = await self._turn()

    async def _turn(self) -> float | None:
        self._woken.clear()
        taken, self._pending = self._pending, {}
        self._running_since_monotonic = self._clock()
        try:
            again = await self._step(frozenset(taken))
        except Exception as error:
            self._on_fault(error)
            # What was taken still waits, and for as long as it has.
            self._pending = {**self._pending, **taken}
            return self._retry_delay()
        finally:
            self._running_since_monotonic = None
        self._failures = 0
        return again

    def _retry_delay(self) -> float:
        self._failures += 1
        return min(FIRST_RETRY_SECONDS * (1 << min(self._failures - 1, 10)), LONGEST_RETRY_SECONDS)
