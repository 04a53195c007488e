"""What stands on both sides of webhooks: a feed as payments has it, and the receivers.

Both listen on the loopback interface, in the process that measures, so that what webhooks spends
is webhooks' alone.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import web

from devstack.ports import LOOPBACK

MICROS = 1_000_000
SLOW_SECONDS = 5.0
_PAUSE_SECONDS = 0.1
"""payments gives its events in groups, too."""


class Feed:
    """Events of many merchants, each with a payment of its own."""

    def __init__(self) -> None:
        self.events: list[dict[str, object]] = []
        self.asked = False
        self._news = asyncio.Event()

    def happen(self, merchant: str) -> int:
        """Let a payment of a merchant be captured now; return the sequence of its event."""
        sequence = len(self.events) + 1
        name, payment = f"evt_{sequence:032x}", f"payment-{sequence}"
        body = {"id": name, "type": "payment.captured", "sequence": sequence, "payment_id": payment}
        self.events.append(
            {
                "id": name,
                "sequence": sequence,
                "merchant": merchant,
                "payment_id": payment,
                "type": "payment.captured",
                "at": time.time_ns() // 1000,
                # As long as that of a payment is.
                "body": json.dumps({**body, "payment": {"description": "x" * 900}}),
            }
        )
        self._news.set()
        return sequence

    async def page(self, request: web.Request) -> web.Response:
        """Answer `GET /events/feed`."""
        if "after" not in request.query:
            return self._answer(len(self.events), [])
        self.asked = True
        after, limit = int(request.query["after"]), int(request.query["limit"])
        self._news.clear()
        if len(self.events) <= after:
            with suppress(TimeoutError):
                async with asyncio.timeout(float(request.query["wait_seconds"])):
                    await self._news.wait()
                await asyncio.sleep(_PAUSE_SECONDS)
        return self._answer(after, self.events[after : after + limit])

    def _answer(self, after: int, found: list[dict[str, object]]) -> web.Response:
        end = after + len(found)
        ids = {name: str(self.events[at - 1]["id"]) if at else "" for name, at in
               (("after_id", after), ("next_id", end))}  # fmt: skip
        newest = None if found else len(self.events)
        return web.json_response({"events": found, "next_after": end, "newest": newest, **ids})


class Receivers:
    """Receivers by name under one port: those that take an event, take it late, and never do."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.ages: dict[str, list[float]] = defaultdict(list)
        """By name, how old each event was in seconds when it came first."""
        self._came: set[tuple[str, int]] = set()

    async def take(self, request: web.Request) -> web.Response:
        """Answer `POST /{kind}/{name}`."""
        kind, name = request.match_info["kind"], request.match_info["name"]
        event = json.loads(await request.read())
        if kind == "silent":
            await asyncio.sleep(3600)
        if kind == "slow":
            await asyncio.sleep(SLOW_SECONDS)
        sequence = event["sequence"]
        if (name, sequence) not in self._came:
            self._came.add((name, sequence))
            at = self._feed.events[sequence - 1]["at"]
            assert isinstance(at, int)
            self.ages[name].append(time.time() - at / MICROS)
        return web.Response(status=204)


@asynccontextmanager
async def listening(feed: Feed, receivers: Receivers) -> AsyncIterator[int]:
    """Serve both until the block ends; yields the port."""
    app = web.Application()
    app.router.add_get("/events/feed", feed.page)
    app.router.add_post("/{kind}/{name}", receivers.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0, backlog=1024).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
