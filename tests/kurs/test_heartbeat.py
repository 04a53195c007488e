"""kurs.web.heartbeat: work is repeated, failures are counted and logged once, the end is clean."""

import asyncio
from contextlib import suppress

import pytest

from kurs.kernel import progress
from kurs.kernel.errors import Unavailable
from kurs.web.heartbeat import Background, Heartbeat, running
from kurs_testing.telemetry import RecordingTelemetry
from kurs_testing.waiting import eventually


class Work:
    """Fails as often as it is told to, and lets a test wait for attempts."""

    def __init__(self, failures: list[Exception]) -> None:
        self.attempts = 0
        self._failures = failures
        self._attempted = asyncio.Condition()

    async def __call__(self) -> None:
        async with self._attempted:
            self.attempts += 1
            self._attempted.notify_all()
        if self._failures:
            raise self._failures.pop(0)

    async def made(self, attempts: int) -> None:
        async with self._attempted:
            await asyncio.wait_for(
                self._attempted.wait_for(lambda: self.attempts >= attempts), timeout=60
            )


def _heartbeat(work: Work, **options: float) -> Heartbeat:
    telemetry = RecordingTelemetry("heart")
    return Heartbeat("test", work, seconds=0.001, telemetry=telemetry, **options)  # type: ignore[arg-type]


async def test_it_works_at_once_and_again() -> None:
    work = Work([])
    async with running(_heartbeat(work).run):
        await work.made(3)


async def test_it_is_unhealthy_after_more_failures_than_tolerated_and_recovers() -> None:
    work = Work([Unavailable("gone"), ZeroDivisionError()])
    heartbeat = _heartbeat(work, tolerated=0, retry_seconds=0.2)
    async with running(heartbeat.run):
        await work.made(1)
        await asyncio.sleep(0)
        assert not heartbeat.healthy
        await work.made(2)
        assert not heartbeat.healthy
        await work.made(4)
        assert heartbeat.healthy


async def test_it_tolerates_two_failures_unless_told_otherwise() -> None:
    work = Work([ZeroDivisionError()] * 3)
    heartbeat = _heartbeat(work, retry_seconds=0.3)
    assert heartbeat.healthy
    async with running(heartbeat.run):
        await work.made(2)
        await asyncio.sleep(0)
        assert heartbeat.healthy
        await work.made(3)
        await asyncio.sleep(0)
        assert not heartbeat.healthy


async def test_nothing_runs_after_the_block() -> None:
    work = Work([])
    async with running(_heartbeat(work).run):
        await work.made(1)
    attempts = work.attempts
    await asyncio.sleep(0.02)
    assert work.attempts == attempts


async def test_a_cancelled_call_inside_of_it_ends_no_heartbeat() -> None:
    work = Work([asyncio.CancelledError()])  # type: ignore[list-item]
    async with running(_heartbeat(work).run):
        await work.made(3)


async def test_work_that_takes_no_step_is_told_and_begins_again() -> None:
    begun, go_on = 0, asyncio.Event()

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            await asyncio.Event().wait()
        await go_on.wait()

    telemetry = RecordingTelemetry("heart")
    heartbeat = Heartbeat("test", work, seconds=0.001, silent_seconds=0.05, telemetry=telemetry)
    assert not heartbeat.hangs
    async with running(heartbeat.run):
        await eventually(lambda: begun == 2)
        assert heartbeat.hangs, "until an attempt has succeeded"
        go_on.set()
        await eventually(lambda: not heartbeat.hangs)


async def test_work_that_cannot_even_be_cancelled_hangs() -> None:
    over = asyncio.Event()

    async def work() -> None:
        while not over.is_set():
            with suppress(asyncio.CancelledError):
                await over.wait()

    telemetry = RecordingTelemetry("heart")
    heartbeat = Heartbeat("test", work, seconds=0.001, silent_seconds=0.05, telemetry=telemetry)
    async with running(heartbeat.run):
        await eventually(lambda: heartbeat.hangs)
        over.set()
        await eventually(lambda: not heartbeat.hangs)


async def test_work_that_moves_on_may_take_as_long_as_it_likes() -> None:
    began, ended = asyncio.get_running_loop().time(), asyncio.Event()

    async def work() -> None:
        while asyncio.get_running_loop().time() < began + 0.6:
            await asyncio.sleep(0)
            progress.made()
        ended.set()

    telemetry = RecordingTelemetry("heart")
    heartbeat = Heartbeat("test", work, seconds=3600, silent_seconds=0.5, telemetry=telemetry)
    async with running(heartbeat.run):
        await ended.wait()
        assert not heartbeat.hangs


async def test_work_that_ends_begins_again_and_is_not_alive_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kurs.web.heartbeat._FIRST_PAUSE_SECONDS", 0.05)
    background, begun = Background(RecordingTelemetry("heart")), 0

    async def work() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise ZeroDivisionError
        await asyncio.sleep(3600)

    async with background.running(work):
        await eventually(lambda: not background.alive)
        await eventually(lambda: begun == 2 and background.alive)
