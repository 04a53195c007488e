"""A receiver that verifies by the official library, and answers as a test tells it to."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from kurs_testing.waiting import eventually

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
Respond = Callable[["Received"], Awaitable[web.StreamResponse]]


@dataclass
class Received:
    """A request that came, with what it says."""

    headers: dict[str, str]
    body: bytes
    path: str
    event: dict[str, Any]

    @property
    def sequence(self) -> int:
        return int(self.event["sequence"])


async def take(_: Received) -> web.StreamResponse:
    return web.Response(status=204)


@dataclass
class Receiver:
    """Listens on a port of this machine from `async with` on."""

    secret: str = SECRET
    respond: Respond = take
    port: int = 0
    came: list[Received] = field(default_factory=list)
    taken: list[Received] = field(default_factory=list)
    forged: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def __aenter__(self) -> "Receiver":
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def until(self, count: int) -> list[Received]:
        """Wait until so many were taken, and return them."""
        await eventually(lambda: len(self.taken) >= count)
        return self.taken

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            event = Webhook(self.secret).verify(body, headers)
        except Exception:
            self.forged += 1
            return web.Response(status=401)
        received = Received(headers, body, request.path, event)
        self.came.append(received)
        answer = await self.respond(received)
        if answer.status < 300:
            self.taken.append(received)
        return answer


def gaps(received: list[Received]) -> list[int]:
    """Return the sequences that others name as sent before them and that did not come."""
    came = {r.sequence for r in received}
    before = {r.event["previous_sequence"] for r in received} - {None}
    return sorted(before - came)


def in_order(received: list[Received]) -> bool:
    """Tell whether the events of each payment came first in their order."""
    last: dict[str, int] = {}
    seen: set[int] = set()
    for each in received:
        if each.sequence in seen:
            continue
        seen.add(each.sequence)
        payment = each.event["payment_id"]
        if each.sequence < last.get(payment, 0):
            return False
        last[payment] = each.sequence
    return True
