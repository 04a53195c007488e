"""Work that a process does by itself, again and again, beside the requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from kurs.kernel import progress
from kurs.kernel.clock import monotonic
from kurs.kernel.errors import Problem
from kurs.telemetry import Telemetry

Work = Callable[[], Coroutine[Any, Any, None]]
_FIRST_PAUSE_SECONDS = 0.5
_SILENT_SECONDS = 120.0
_LONGEST_PAUSE_SECONDS = 30.0
"""Between the end of a work that should have none and its next beginning."""


class Heartbeat:
    """Repeats a piece of work every `seconds`, and tells whether it goes well.

    After a failure it works again in `retry_seconds`, if given. It is healthy until it has failed
    more than `tolerated` times in a row. Work that takes no step (kurs.kernel.progress) for
    `silent_seconds` hangs: it is cancelled, begins again, and hangs until it succeeds.
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
        silent_seconds: float = _SILENT_SECONDS,
    ) -> None:
        self._name = name
        self._work = work
        self._seconds = seconds
        self._log = telemetry.logger
        self._retry_seconds = seconds if retry_seconds is None else retry_seconds
        self._tolerated = tolerated
        self._silent_seconds = silent_seconds
        self._failures = 0
        self._limit: asyncio.Timeout | None = None
        self._hung = False

    @property
    def hangs(self) -> bool:
        """Tell whether it takes no step, or took none until it was cancelled."""
        return self._hung or (self._limit is not None and self._limit.expired())

    @property
    def healthy(self) -> bool:
        """Tell whether one of the last attempts succeeded, or none was made yet."""
        return self._failures <= self._tolerated

    async def run(self) -> None:
        """Work, wait, work again, until cancelled."""
        while True:
            try:
                await self._work_watched()
            except (Exception, asyncio.CancelledError) as error:
                _let_end(error)
                self._failed(error)
                await asyncio.sleep(self._retry_seconds)
            else:
                if self._failures:
                    self._log.info("background work goes on", work=self._name)
                self._failures = 0
                self._hung = False
                await asyncio.sleep(self._seconds)

    async def _work_watched(self) -> None:
        """Work once; raises TimeoutError when it took no step for too long."""
        loop = asyncio.get_running_loop()

        def go_on() -> None:
            # What it began may go on after it: that is no step of the next attempt.
            if self._limit is limit and not limit.expired():
                limit.reschedule(loop.time() + self._silent_seconds)

        try:
            async with asyncio.timeout(self._silent_seconds) as limit:
                self._limit = limit
                with progress.watched(go_on):
                    await self._work()
        finally:
            self._hung = self._hung or limit.expired()
            self._limit = None

    def _failed(self, error: BaseException) -> None:
        self._failures += 1
        if self._failures > 1:
            return
        if self._hung:
            self._log.error("background work hangs", work=self._name, exc_info=error)
        elif isinstance(error, Problem):
            self._log.warning("background work fails", work=self._name, error=error.detail)
        else:
            self._log.error("background work fails", work=self._name, exc_info=error)


class Background:
    """Works that never return, such as heartbeats: one that ends all the same begins again."""

    def __init__(self, telemetry: Telemetry | None = None) -> None:
        self._log = telemetry.logger if telemetry else None
        self._ended = 0

    @property
    def alive(self) -> bool:
        """Tell whether every work runs, and none waits to begin again."""
        return not self._ended

    @asynccontextmanager
    async def running(self, *works: Work) -> AsyncIterator[None]:
        """Let works run during the block."""
        tasks = [asyncio.create_task(self._keep(work)) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, work: Work) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while True:
            began, why = monotonic(), None
            try:
                await work()
            except (Exception, asyncio.CancelledError) as error:
                _let_end(error)
                why = error
            if self._log is not None:
                name = getattr(work, "__qualname__", "")
                self._log.error("background work ended", work=name, exc_info=why)
            if monotonic() - began > _LONGEST_PAUSE_SECONDS:
                pause = _FIRST_PAUSE_SECONDS
            self._ended += 1
            try:
                await asyncio.sleep(pause)
            finally:
                self._ended -= 1
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def running(*works: Work) -> AbstractAsyncContextManager[None]:
    """Let works that never return, such as heartbeats, run during the block."""
    return Background().running(*works)


def _let_end(error: BaseException) -> None:
    """Raise what ends this task; what ended something that a work waited for is an error of it."""
    task = asyncio.current_task()
    if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
        raise error
