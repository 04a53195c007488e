"""Requests and answers as values, and what a transport is."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from multidict import CIMultiDict, CIMultiDictProxy

RawHeaders = tuple[tuple[bytes, bytes], ...]

_NO_HEADERS: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())


@dataclass(slots=True)
class Request:
    """One HTTP request. `url` is absolute and already encoded; `timeout` is in seconds.

    `target` is the name that errors give the service; a URL would tell a log the ids in its path.
    """

    method: str
    url: str
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict)
    body: bytes | None = None
    timeout: float | None = None
    target: str = "service"


@dataclass(slots=True)
class Response:
    """One answer, read whole. `headers` ignores case; `raw_headers` is what came, in order."""

    status: int
    headers: CIMultiDictProxy[str] = field(default_factory=lambda: _NO_HEADERS)
    body: bytes = b""
    raw_headers: RawHeaders = ()

    def json(self) -> Any:
        """Parse the body, numbers with a fraction as Decimal; raises json.JSONDecodeError."""
        return json.loads(self.body, parse_float=Decimal)


@dataclass(slots=True)
class StreamedResponse:
    """One answer whose body comes in pieces; iterating raises ConnectionLost when it breaks off."""

    status: int
    headers: CIMultiDictProxy[str]
    raw_headers: RawHeaders
    chunks: AsyncIterator[bytes]


class Transport(Protocol):
    """Carries requests to services. Raises Unreachable or OutcomeUnknown, nothing else."""

    async def send(self, request: Request) -> Response:
        """Return the whole answer within `request.timeout` seconds."""
        ...

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamedResponse]:
        """Return an answer to be read in pieces; `request.timeout` bounds only its head."""
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...
