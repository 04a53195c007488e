"""Work that a process does by itself, again and again, beside the requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from kurs.kernel.errors import Problem
from kurs.telemetry import Telemetry


class Heartbeat:
    """Repeats a piece of work every `seconds`, and tells whether it goes well.

    After a failure it works again in `retry_seconds`, if given. It is healthy until it has failed
    more than `tolerated` times in a row.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[object]],
        *,
        seconds: float,
        telemetry: Telemetry,
        retry_seconds: float | None = None,
        tolerated: int = 2,
    ) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._log = telemetry.logger
        self._retry_seconds = seconds if retry_seconds is None else retry_seconds
        self._tolerated = tolerated
        self._failures = 0

    @property
    def healthy(self) -> bool:
        """Tell whether one of the last attempts succeeded, or none was made yet."""
        return self._failures <= self._tolerated

    async def run(self) -> None:
        """Work, wait, work again, until cancelled."""
        while True:
            try:
                await self._work()
            except Exception as error:
                self._failed(error)
                await asyncio.sleep(self._retry_seconds)
            else:
                if self._failures:
                    self._log.info("background work goes on", work=self._name)
                self._failures = 0
                await asyncio.sleep(self._seconds)

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures > 1:
            return
        if isinstance(error, Problem):
            self._log.warning("background work fails", work=self._name, error=error.detail)
        else:
            self._log.error("background work fails", work=self._name, exc_info=error)


@asynccontextmanager
async def running(*works: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Let works that never return, such as heartbeats, run during the block."""
    tasks = [asyncio.create_task(work()) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
