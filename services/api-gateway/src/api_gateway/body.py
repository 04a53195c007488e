"""Reads a request's body within a limit of bytes and of time, counting what really arrives.

How many bodies are being read, and how many bytes of bodies are in memory, is bounded in all and
shared out between merchants: a body that arrives byte by byte costs the others nothing.
"""

import asyncio

from starlette.types import Message, Receive

from api_gateway.admission import Loan, Shares
from api_gateway.errors import BodyTooLarge, BodyTooSlow, Encoded, NotJson
from api_gateway.request_head import RequestHead

_LINGER_SECONDS = 2.0
_LINGER_BYTES = 8 * 1024 * 1024


class ClientGone(Exception):
    """The client closed the connection before its request was whole; nobody needs an answer."""


class BodyReader:
    """Reads bodies of at most `limit` bytes that arrive within `seconds`, so many at once."""

    def __init__(self, limit: int, seconds: float, places: Shares) -> None:
        self.limit = limit
        self.places = places
        self._seconds = seconds

    async def read(
        self, head: RequestHead, receive: Receive, merchant: str, memory: Loan
    ) -> bytes | None:
        """Return the body, None when there is none; `memory` is charged with its bytes.

        Raises NotJson, Encoded, BodyTooLarge (at once when the announced length is too large, else
        as soon as the limit is passed), BodyTooSlow, ClientGone, and what `Shares.borrow` raises.
        """
        if not head.has_body:
            return None
        self._check(head)
        try:
            with self.places.borrow(merchant):
                async with asyncio.timeout(self._seconds):
                    return await self._whole(receive, memory)
        except TimeoutError:
            raise BodyTooSlow(f"the body did not arrive whole within {self._seconds:g} s") from None

    def too_large(self) -> BodyTooLarge:
        """Return the problem of a body beyond the limit."""
        return BodyTooLarge(f"the body may have {self.limit} bytes")

    def _check(self, head: RequestHead) -> None:
        media_type = head.content_type.partition(b";")[0].strip().lower()
        if media_type != b"application/json":
            raise NotJson("send the body with the header Content-Type: application/json")
        if head.content_encoding.strip().lower() not in (b"", b"identity"):
            raise Encoded(
                "send the body as it is: no Content-Encoding is taken",
                headers={"Accept-Encoding": "identity"},
            )
        if head.content_length > self.limit:
            raise self.too_large()

    async def _whole(self, receive: Receive, memory: Loan) -> bytes:
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message.get("body", b"")
            self._charge(len(body), len(body), memory)
            return body
        return await self._rest(message, receive, memory)

    async def _rest(self, message: Message, receive: Receive, memory: Loan) -> bytes:
        body = bytearray()
        while message["type"] == "http.request":
            chunk = message.get("body", b"")
            self._charge(len(chunk), len(body) + len(chunk), memory)
            body += chunk
            if not message.get("more_body"):
                return bytes(body)
            message = await receive()
        raise ClientGone

    def _charge(self, arrived: int, whole: int, memory: Loan) -> None:
        if whole > self.limit:
            raise self.too_large()
        memory.more(arrived)


async def linger(receive: Receive) -> None:
    """Discard what the client still sends, for 2 seconds and 8 MiB at most.

    Closing a socket that holds unread bytes resets it, and the client would lose the refusal that
    was just sent (RFC 9112, 9.6).
    """
    left = _LINGER_BYTES
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b"")) or 1
                if not message.get("more_body"):
                    return
    except TimeoutError:
        return
