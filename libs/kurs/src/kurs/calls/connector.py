"""The pool of connections: knows whether an attempt got one, and gives old ones up."""

from contextvars import ContextVar

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from kurs.kernel.dead_peers import open_socket

# Shorter than any server of ours keeps an idle connection, so that a request rarely meets one
# that is being closed.
KEEPALIVE_SECONDS = 4.0


class RequestAttempt:
    """One attempt to send a request; until it has a connection nothing can have been sent."""

    __slots__ = ("connected",)

    def __init__(self) -> None:
        self.connected = False


current_attempt: ContextVar[RequestAttempt] = ContextVar("current_attempt")


class Connector(aiohttp.TCPConnector):
    """Keeps connections alive, at most `limit`, and closes each n-th after its use.

    A connection stays with the replica that it first reached. Without an end to it, replicas that
    came later would get no work.
    """

    def __init__(self, *, limit: int, recycle_every: int) -> None:
        super().__init__(
            limit=limit,
            keepalive_timeout=KEEPALIVE_SECONDS,
            ttl_dns_cache=10,
            socket_factory=open_socket,
        )
        self._recycle_every = recycle_every
        self._uses = 0

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """Return a connection, and note that the current attempt has it."""
        connection = await super().connect(req, traces, timeout)
        current_attempt.get().connected = True
        self._uses += 1
        if self._uses % self._recycle_every == 0 and connection.protocol is not None:
            connection.protocol.force_close()
        return connection
