"""httpx clients that call services directly, as the service that may call the route."""

from collections.abc import Callable, Generator

import httpx

from kurs.edges.keys import Keys
from kurs.edges.table import Edge
from kurs.kernel.clock import Clock
from kurs_testing.edges import EdgeSigning, key_of


class EdgeAuth(httpx.Auth):
    """Signs each request to `service` on the edge that its route belongs to."""

    requires_request_body = True

    def __init__(
        self, service: str, clock: Clock | None = None, keys: Callable[[Edge], Keys] = key_of
    ) -> None:
        self._service = service
        self._signing = EdgeSigning(clock, keys)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign the request as it is about to be sent."""
        target = request.url.raw_path.decode()
        body = request.content
        self._signing.sign(self._service, request.method, target, request.headers, body)
        yield request
