"""Replicas that are killed under load: every event arrives, in order, and no gap is seen."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from tests.webhooks.harness import Fed, Webhooks
from tests.webhooks.receiver import Receiver, gaps, in_order

from kurs.kernel.clock import SystemClock

EVENTS = 120
_PATIENCE_SECONDS = 90.0
"""Longer than a lease, more than once: what a killed replica held waits for it to run out."""


@asynccontextmanager
async def fed_over_http(fed: Fed) -> AsyncIterator[str]:
    """Serve the feed on a port of this machine."""

    async def feed(request: web.Request) -> web.Response:
        after = int(request.query.get("after", len(fed.events)))
        found: list[dict[str, Any]] = fed.events[after : after + 50]
        if not found:
            await asyncio.sleep(0.2)
        return web.json_response({"events": found, "next_after": after + len(found)})

    app = web.Application()
    app.router.add_get("/events/feed", feed)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def replica(made: Webhooks, payments: str) -> asyncio.subprocess.Process:
    """Start a process of its own."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KURS_")},
        "KURS_HOST": "127.0.0.1",
        "KURS_PORT": "0",
        "KURS_OPERATIONS_PORT": "0",
        "KURS_DATABASE_URL": made.database_url,
        "KURS_PAYMENTS_URL": payments,
        "KURS_CONFIG_DIR": str(made.config),
        "KURS_SECRETS_DIR": str(made.secrets),
        "KURS_EDGE_KEYS_DIR": str(made.folder / "edge-keys"),
        "KURS_PRIVATE_DESTINATION_HOSTS": "127.0.0.1",
        "KURS_DESTINATION_LEASE_SECONDS": "16.5",
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "webhooks"), env=environment, stdout=asyncio.subprocess.DEVNULL
    )


async def test_every_event_arrives_whichever_replica_is_killed(
    tmp_path: Path, sqlite_url: str, receiver: Receiver
) -> None:
    made = Webhooks(tmp_path / "run", sqlite_url, SystemClock(), {})
    made.destination("orders", receiver.url)
    async with fed_over_http(made.fed) as payments:
        living = [await replica(made, payments), await replica(made, payments)]
        try:
            await _until(lambda: receiver.taken, happen=made.fed)
            for number in range(EVENTS):
                made.fed.happen(f"p{number % 6}")
                await asyncio.sleep(0.02)
                if number % 40 == 20:
                    killed = living.pop(0)
                    killed.kill()
                    await killed.wait()
                    living.append(await replica(made, payments))
            last = len(made.fed.events)
            await _until(lambda: _has(receiver, last))
        finally:
            for process in living:
                process.kill()
                await process.wait()
    invented = {r.sequence for r in receiver.taken} - {e["sequence"] for e in made.fed.events}
    assert not invented
    assert receiver.forged == 0
    assert in_order(receiver.taken)
    assert gaps(receiver.taken) == []


def _has(receiver: Receiver, last: int) -> bool:
    """Tell whether the last event came, and with it all that are named before it."""
    return any(r.sequence == last for r in receiver.taken) and not gaps(receiver.taken)


async def _until(condition: Any, *, happen: Fed | None = None) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not condition():
            if happen is not None:
                happen.happen("first")
            await asyncio.sleep(0.3)
