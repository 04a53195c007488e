"""The transport over real sockets: one aiohttp session with kept-alive connections.

aiohttp itself would take part in decisions that are ours, so it is told not to: no retry of its
own, no redirects, no proxy from the environment, no cookies, no decompression, no headers that
the caller did not set.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import hdrs
from yarl import URL

from kurs.http.errors import ConnectionLost, ResponseTimeout, TransportError, Unreachable
from kurs.http.message import Request, Response, StreamedResponse

# Shorter than any server of ours keeps an idle connection, so that a request rarely meets one
# that is being closed.
KEEPALIVE_SECONDS = 4.0
_CONNECT_SECONDS = 2.0
_CONNECT_SHARE = 0.9
_NOT_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)
_AUTOMATIC_HEADERS = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.USER_AGENT, hdrs.CONTENT_TYPE)


class AiohttpTransport:
    """Sends requests over TCP; made once per app and shared by its clients.

    `limit` bounds the connections. Every `recycle_every`-th request asks for its connection to be
    closed after it: a kept-alive connection stays with one replica for ever, and new replicas
    would get no work.
    """

    def __init__(self, *, limit: int = 256, recycle_every: int = 1000) -> None:
        self._limit = limit
        self._recycle_every = recycle_every
        self._sent = 0
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        """Return the whole answer; raises Unreachable or OutcomeUnknown."""
        budget = request.timeout
        try:
            async with asyncio.timeout(budget):
                async with self._open(request, budget) as answer:
                    body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _mapped(error, request) from error
        return Response(answer.status, answer.headers, body, answer.raw_headers)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[StreamedResponse]:
        """Yield an answer to be read in pieces; leaving early closes its connection."""
        budget = request.timeout
        try:
            async with asyncio.timeout(budget):
                answer = await self._open(request, budget)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _mapped(error, request) from error
        try:
            yield StreamedResponse(
                answer.status, answer.headers, answer.raw_headers, _chunks(answer, request)
            )
        finally:
            answer.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    def _open(
        self, request: Request, budget: float | None
    ) -> "aiohttp.client._RequestContextManager":
        session = self._session or self._start()
        if session.closed:
            raise Unreachable(request.target, "the transport is closed")
        headers = request.headers
        self._sent += 1
        if self._sent % self._recycle_every == 0:
            headers = headers.copy()
            headers[hdrs.CONNECTION] = "close"
        return session.request(
            request.method,
            URL(request.url, encoded=True),
            headers=headers,
            data=request.body,
            allow_redirects=False,
            timeout=_timeout(budget),
        )

    def _start(self) -> aiohttp.ClientSession:
        # Late: a session belongs to the running loop, and apps are composed before there is one.
        connector = aiohttp.TCPConnector(
            limit=self._limit, keepalive_timeout=KEEPALIVE_SECONDS, ttl_dns_cache=10
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=_AUTOMATIC_HEADERS,
        )
        # aiohttp would repeat a GET on a fresh connection by itself; retries have one place.
        session._retry_connection = False
        self._session = session
        return session


def _timeout(budget: float | None) -> aiohttp.ClientTimeout:
    """Bound only the wait for a connection here; `send` bounds the whole.

    The wait ends well before the whole, so whichever fires says whether the request had a
    connection, and so may have been sent.
    """
    if budget is None or budget * _CONNECT_SHARE >= _CONNECT_SECONDS:
        return _CONNECT_TIMEOUT
    return _connect_timeout(budget * _CONNECT_SHARE)


def _connect_timeout(seconds: float) -> aiohttp.ClientTimeout:
    # aiohttp rounds timeouts above a threshold up to whole seconds; it is put out of reach.
    return aiohttp.ClientTimeout(total=None, connect=seconds, sock_connect=None, ceil_threshold=1e9)


_CONNECT_TIMEOUT = _connect_timeout(_CONNECT_SECONDS)


def _mapped(error: Exception, request: Request) -> TransportError:
    if isinstance(error, _NOT_SENT):
        return Unreachable(request.target, str(error) or type(error).__name__)
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
        return ResponseTimeout(request.target, "no answer in time")
    return ConnectionLost(request.target, str(error) or type(error).__name__)


async def _chunks(answer: aiohttp.ClientResponse, request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, OSError) as error:
        raise ConnectionLost(request.target, str(error) or type(error).__name__) from error
