"""One request at a simulated process: the app's side of a message, until it answers or dies."""

from itertools import count
from typing import Any

from starlette.types import ASGIApp

from kurs.calls.message import Request
from kurs_testing.exchange import Exchange as ServedExchange
from kurs_testing.exchange import MountedApp
from simulation.process import Process


class Served(MountedApp):
    """An app that a process serves; the network sends it requests while it is `ready`."""

    def __init__(self, process: Process, app: ASGIApp, state: dict[str, Any]) -> None:
        super().__init__(app)
        self.process = process
        self.state = state
        self.ready = True
        self.open: set[Exchange] = set()
        self.numbers = count()


class Exchange(ServedExchange):
    """A request of `caller` (None is outside), which arrives after `wait` seconds."""

    def __init__(
        self, request: Request, served: Served, caller: Process | None, wait: float = 0.0
    ) -> None:
        super().__init__(request, served, wait)
        self.served = served
        self.caller = caller
        self.order = (str(served.process), next(served.numbers))

    def __str__(self) -> str:
        return f"{self.caller} to {self.served.process}: {self._request.method} {self._request.url}"

    async def whole(self) -> bytes:
        """Return the body; raises ConnectionLost when the process died or the app broke off."""
        return b"".join([piece async for piece in self.chunks()])

    def _is_lost(self) -> bool:
        """Whether the connection was lost, as it is when nothing came at all."""
        return not self._complete
