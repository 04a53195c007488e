"""Reads a request's body within a limit of bytes and of time, counting what really arrives."""

import asyncio

from starlette.types import Message, Receive

from api_gateway.errors import BodyTooLarge, BodyTooSlow, NotJson
from api_gateway.request_head import RequestHead

_LINGER_SECONDS = 2.0
_LINGER_BYTES = 8 * 1024 * 1024


class ClientGone(Exception):
    """The client closed the connection before its request was whole; nobody needs an answer."""


class BodyReader:
    """Reads bodies of at most `limit` bytes that arrive within `seconds`."""

    def __init__(self, limit: int, seconds: float) -> None:
        self.limit = limit
        self._seconds = seconds

    async def read(self, head: RequestHead, receive: Receive) -> bytes | None:
        """Return the body, None when there is none.

        Raises NotJson, BodyTooLarge (at once when the announced length is too large, else as soon
        as the limit is passed), BodyTooSlow and ClientGone.
        """
        if not head.has_body:
            return None
        self._check(head)
        try:
            async with asyncio.timeout(self._seconds):
                first = await receive()
                if first["type"] == "http.request" and not first.get("more_body"):
                    return self._within_limit(first.get("body", b""))
                return await self._rest(first, receive)
        except TimeoutError:
            raise BodyTooSlow(f"the body did not arrive whole within {self._seconds:g} s") from None

    def too_large(self) -> BodyTooLarge:
        """Return the problem of a body beyond the limit."""
        return BodyTooLarge(f"the body may have {self.limit} bytes")

    def _check(self, head: RequestHead) -> None:
        media_type = head.content_type.partition(b";")[0].strip().lower()
        if media_type != b"application/json":
            raise NotJson("send the body with the header Content-Type: application/json")
        if head.content_length > self.limit:
            raise self.too_large()

    def _within_limit(self, body: bytes) -> bytes:
        if len(body) > self.limit:
            raise self.too_large()
        return body

    async def _rest(self, message: Message, receive: Receive) -> bytes:
        body = bytearray()
        while message["type"] == "http.request":
            body += message.get("body", b"")
            if len(body) > self.limit:
                raise self.too_large()
            if not message.get("more_body"):
                return bytes(body)
            message = await receive()
        raise ClientGone


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
