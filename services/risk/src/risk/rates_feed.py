"""Keeps the rates that fx publishes at hand, so that scoring never waits for them."""

import asyncio
from contextlib import suppress
from fractions import Fraction

from kurs.calls import Deadline, ServiceClient
from kurs.kernel.clock import MICROS, Clock, monotonic
from kurs.quotes.rate_table import NO_RATES, Pair, RateTable, published_mids
from kurs.telemetry import Telemetry
from risk.metrics import RiskMetrics

_TIMEOUT_SECONDS = 2.0
_FIRST_SECONDS = 0.5


class RatesFeed:
    """Polls fx and holds the last answer for `max_age_seconds` after it came."""

    def __init__(
        self,
        client: ServiceClient,
        *,
        clock: Clock,
        telemetry: Telemetry,
        metrics: RiskMetrics,
        poll_seconds: float,
        max_age_seconds: float,
        grace_seconds: float,
    ) -> None:
        self._client = client
        self._clock = clock
        self._logger = telemetry.logger
        self._refreshes = metrics.rate_refreshes
        self._poll_seconds = poll_seconds
        self._max_age = round(max_age_seconds * MICROS)
        self._grace_seconds = grace_seconds
        self._grace_ends_monotonic = 0.0
        self._table = NO_RATES
        self._received_at: int | None = None
        self._failing = False
        self._task: asyncio.Task[None] | None = None
        metrics.rates_age.set_function(self._age_seconds)

    def table(self, now: int) -> RateTable:
        """Return the rates that may be used at `now` (microseconds); none when they are too old."""
        received_at = self._received_at
        if received_at is None or now - received_at > self._max_age:
            return NO_RATES
        return self._table

    @property
    def settled(self) -> bool:
        """Whether rates have come, or have not in the time of grace after the start.

        A new replica without rates would send payments to review that the others let through.
        """
        return self._received_at is not None or monotonic() >= self._grace_ends_monotonic

    async def refresh(self) -> None:
        """Ask fx once; on failure the last answer stands until it is too old."""
        try:
            mids = await self._fetch()
        except Exception as error:
            # Whatever it is, the poll goes on: without it the rates would be gone for good.
            self._refreshes.labels("failed").inc()
            if not self._failing:
                self._logger.warning("no rates from fx", error=f"{type(error).__name__}: {error}")
            self._failing = True
            return
        if mids != self._table.mids:
            self._table = RateTable(mids)
        self._received_at = self._clock.now()
        self._refreshes.labels("ok").inc()
        self._failing = False

    async def start(self) -> None:
        """Refresh in the background from now on."""
        self._grace_ends_monotonic = monotonic() + self._grace_seconds
        self._task = asyncio.create_task(self._poll(), name="rates from fx")

    async def close(self) -> None:
        """Stop refreshing."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _poll(self) -> None:
        while True:
            await self.refresh()
            # Until the first rates are here, limits in another currency cannot be judged.
            hurried = self._received_at is None
            pause = min(_FIRST_SECONDS, self._poll_seconds) if hurried else self._poll_seconds
            await asyncio.sleep(pause)

    async def _fetch(self) -> dict[Pair, Fraction]:
        deadline = Deadline.after(_TIMEOUT_SECONDS)
        answer = await self._client.request("GET", "/rates", deadline=deadline, retryable=True)
        if answer.status != 200:
            raise _BadAnswer(f"fx answered {answer.status}")
        return published_mids(answer.body)

    def _age_seconds(self) -> float:
        if self._received_at is None:
            return float("inf")
        return (self._clock.now() - self._received_at) / MICROS


class _BadAnswer(Exception):
    """fx answered something other than its rates."""
