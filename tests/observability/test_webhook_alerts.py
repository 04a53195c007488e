"""The alerts about destinations fire in a real Prometheus from what webhooks exports, and end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from aiohttp import web
from fastapi import FastAPI
from tests.observability.prometheus import needs_prometheus, watching
from tests.webhooks.harness import webhooks_over
from tests.webhooks.receiver import Received, Receiver, take
from tests.webhooks.test_delivery import begun

from devstack.ports import LOOPBACK, free_ports
from kurs.kernel.clock import MICROS, SystemClock
from kurs_testing.clock import ManualClock
from kurs_testing.waiting import eventually


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve an app that was started already; yields its host and port."""
    (port,) = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(app, LOOPBACK, port, lifespan="off", log_level="error"))
    serving = asyncio.create_task(server.serve())
    await eventually(lambda: server.started)
    try:
        yield f"{LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        await serving


@needs_prometheus
async def test_one_that_takes_no_more_and_one_that_waits_fire_and_end(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.app._REPORT_SECONDS", 0.2)
    # Receivers believe a signature for five minutes before and after their own clock.
    clock = ManualClock(SystemClock().now() - 200 * MICROS)
    released = asyncio.Event()

    async def gone(_: Received) -> web.StreamResponse:
        return web.Response(status=410)

    async def late(_: Received) -> web.StreamResponse:
        await released.wait()
        return web.Response(status=204)

    async with (
        Receiver(respond=gone) as refusing,
        Receiver(respond=late) as waiting,
        webhooks_over(tmp_path / "run", sqlite_url, clock=clock) as webhooks,
    ):
        webhooks.destination("gone", refusing.url)
        webhooks.destination("late", waiting.url, timeout="15s")
        await begun(webhooks)
        async with (
            served(webhooks.apps[0]) as target,
            watching(tmp_path, target) as prometheus,
        ):
            await prometheus.until()
            webhooks.fed.happen("p1")
            await prometheus.until("KursWebhookDestinationFailing")
            clock.advance(seconds=400)
            await prometheus.until("KursWebhookDestinationFailing", "KursWebhooksLate")

            released.set()
            refusing.respond = take
            webhooks.destination("gone", refusing.url, timeout="3s")
            await prometheus.until()
