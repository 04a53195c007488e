"""One line of the log for each answer, by `merchant/key`, where somebody wants to have it.

`KURS_ACCESS_LOG` turns it on; it costs some 20 µs a request. No query, header or body is in it.
"""

from collections.abc import Awaitable, Callable

from starlette.types import Message
from structlog.typing import FilteringBoundLogger

from api_gateway.client_address import ClientAddresses
from api_gateway.exchange import Exchange
from kurs.kernel.clock import monotonic
from kurs.telemetry.middleware import PROBES, route_template

_CLIENT_GONE = 499


class AccessLog:
    """Writes the lines."""

    def __init__(self, logger: FilteringBoundLogger, addresses: ClientAddresses) -> None:
        self._logger = logger
        self._addresses = addresses

    async def follow(
        self, exchange: Exchange, handle: Callable[[Exchange], Awaitable[None]]
    ) -> None:
        """Let a request be handled and write what came of it; probes have no line."""
        scope, send = exchange.scope, exchange.send
        if scope["path"] in PROBES:
            await handle(exchange)
            return
        began, status = monotonic(), _CLIENT_GONE

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        exchange.send = watched
        try:
            await handle(exchange)
        finally:
            self._logger.info(
                "request",
                actor=exchange.actor,
                method=scope["method"],
                route=route_template(scope),
                status=status,
                duration_ms=round((monotonic() - began) * 1000, 3),
                address=str(self._addresses.of(scope) or ""),
            )
