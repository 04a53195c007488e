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

from kurs.calls.connector import Connector, RequestAttempt, current_attempt
from kurs.calls.errors import ConnectionLost, ResponseTimeout, TransportError, Unreachable
from kurs.calls.message import Request, Response, StreamedResponse

# For a free connection or a new one; `Request.timeout` bounds the whole. aiohttp would round
# timeouts above the threshold up to whole seconds.
_TIMEOUT = aiohttp.ClientTimeout(total=None, connect=2.0, sock_connect=None, ceil_threshold=1e9)
_FAILURES = (aiohttp.ClientError, TimeoutError, OSError)
_AUTOMATIC_HEADERS = (hdrs.ACCEPT, hdrs.ACCEPT_ENCODING, hdrs.USER_AGENT, hdrs.CONTENT_TYPE)


class AiohttpTransport:
    """Sends requests over TCP; made once per app and shared by its clients.

    `limit` bounds the connections; each `recycle_every`-th use of one is its last.
    """

    def __init__(self, *, limit: int = 256, recycle_every: int = 1000) -> None:
        self._limit = limit
        self._recycle_every = recycle_every
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        """Return the whole answer; raises Unreachable or OutcomeUnknown."""
        attempt = RequestAttempt()
        try:
            async with asyncio.timeout(request.timeout):
                answer = await self._open(request, attempt)
                async with answer:
                    body = await answer.read()
        except _FAILURES as error:
            raise _mapped(error, request, attempt) from error
        return Response(answer.status, answer.headers, body, answer.raw_headers)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[StreamedResponse]:
        """Yield an answer to be read in pieces; leaving early closes its connection."""
        attempt = RequestAttempt()
        try:
            async with asyncio.timeout(request.timeout):
                answer = await self._open(request, attempt)
        except _FAILURES as error:
            raise _mapped(error, request, attempt) from error
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

    async def _open(self, request: Request, attempt: RequestAttempt) -> aiohttp.ClientResponse:
        session = self._session or self._start()
        if session.closed:
            raise Unreachable(request.target, "the transport is closed")
        token = current_attempt.set(attempt)
        try:
            return await session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
            )
        finally:
            current_attempt.reset(token)

    def _start(self) -> aiohttp.ClientSession:
        # Late: a session belongs to the running loop, and apps are composed before there is one.
        session = aiohttp.ClientSession(
            connector=Connector(limit=self._limit, recycle_every=self._recycle_every),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=_AUTOMATIC_HEADERS,
            timeout=_TIMEOUT,
        )
        # aiohttp would repeat a GET on a fresh connection by itself; retries have one place.
        session._retry_connection = False  # noqa: SLF001
        self._session = session
        return session


def _mapped(error: Exception, request: Request, attempt: RequestAttempt) -> TransportError:
    detail = str(error) or type(error).__name__
    if not attempt.connected:
        return Unreachable(request.target, detail)
    if isinstance(error, TimeoutError):
        return ResponseTimeout(request.target, "no answer in time")
    return ConnectionLost(request.target, detail)


async def _chunks(answer: aiohttp.ClientResponse, request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.content.iter_any():
            yield chunk
    except (aiohttp.ClientError, OSError) as error:
        raise ConnectionLost(request.target, str(error) or type(error).__name__) from error
