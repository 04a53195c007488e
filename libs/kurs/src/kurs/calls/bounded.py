"""Reads the body of an answer from somebody who may send any amount."""

import aiohttp


class BodyTooLarge(Exception):
    """The body did not end within `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


async def read_bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the body to its end, however many pieces it comes in; raises BodyTooLarge."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > limit:
            raise BodyTooLarge(limit)
    return bytes(body)
