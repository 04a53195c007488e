"""A real HTTP server on the loopback that gives the answers a test lays out for it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Step = tuple[int, Any] | tuple[int, Any, dict[str, str]]
RESET = (0, None)
"""Close the connection instead of answering."""


class ScriptedGateway:
    """Answers each payment with its script's steps in turn, the last one again and again."""

    def __init__(self, script: Callable[[str], list[Step]]) -> None:
        self._script = script
        self.received: dict[str, list[dict[str, str]]] = {}
        self.address = ""
        self.most_at_once = 0
        self._at_once = 0

    async def pay(self, request: web.Request) -> web.StreamResponse:
        """Handle POST /payments."""
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            body = await request.json()
            seen = self.received.setdefault(body["payment_id"], [])
            seen.append({"key": request.headers["Idempotency-Key"], **body})
            steps = self._script(body["payment_id"])
            status, document, *headers = steps[min(len(seen), len(steps)) - 1]
        finally:
            self._at_once -= 1
        if status == 0:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        extra: Any = headers[0] if headers else {}
        return web.json_response(document, status=status, headers=extra)


@asynccontextmanager
async def serving(gateway: ScriptedGateway) -> AsyncIterator[ScriptedGateway]:
    """Serve on a free port inside the block."""
    app = web.Application()
    app.router.add_post("/payments", gateway.pay)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        gateway.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield gateway
    finally:
        await runner.cleanup()


def payment(payment_id: str, status: str, code: str = "") -> dict[str, Any]:
    """Return the part of a payment answer that matters here."""
    failure = {"code": code, "message": "because"} if code else None
    return {"payment_id": payment_id, "status": status, "failure": failure}
