"""The services behind the gateway: one client each, and what their silence means to a caller."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar

from api_gateway.errors import UpstreamConnectionLost, UpstreamTimedOut, UpstreamUnavailable
from kurs.calls import (
    CircuitOpen,
    Deadline,
    NoTimeLeft,
    OutcomeUnknown,
    Response,
    ResponseTimeout,
    ServiceClient,
    StreamedResponse,
    TransportError,
    Unreachable,
)
from kurs.kernel.errors import Problem

_REPEAT = (
    "it is not known whether the request was carried out: repeat it with the same "
    "Idempotency-Key (or the same id in the body), which never does it twice"
)

_READS = frozenset({"GET", "HEAD"})
_UNPROVEN = 401
AnswerT = TypeVar("AnswerT", Response, StreamedResponse)


class Upstreams:
    """Sends requests to services by name. Its errors are problems that can be answered as such.

    Nothing that may have been sent is repeated here: only the caller knows whether it may be.
    """

    def __init__(self, clients: Mapping[str, ServiceClient], *, request_seconds: float) -> None:
        self._seconds = request_seconds
        self.clients = clients

    async def send(
        self,
        service: str,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        deadline: Deadline | None = None,
    ) -> Response:
        """Return the whole answer of a service, by `deadline` if there is an earlier one.

        Raises UpstreamUnavailable, UpstreamTimedOut or UpstreamConnectionLost.
        """
        client = self.clients[service]
        deadline = deadline or Deadline.after(self._seconds)
        try:
            try:
                answer = await client.request(
                    method, path, body=body, headers=headers, deadline=deadline
                )
            except (CircuitOpen, NoTimeLeft):
                raise
            except Unreachable:
                # Refused before a byte was sent: a pod that is going away. Another may answer.
                answer = await client.request(
                    method, path, body=body, headers=headers, deadline=deadline
                )
        except TransportError as error:
            raise _problem(error, service, reads=method in _READS) from error
        return _trusting(answer, service)

    @asynccontextmanager
    async def stream(
        self,
        service: str,
        path: str,
        headers: Mapping[str, str],
        *,
        method: str = "GET",
        body: bytes | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        """Yield an answer of a service to be read in pieces; raises as `send` does.

        Leaving early ends the request at the service.
        """
        with _problems(service, reads=method in _READS):
            client = self.clients[service]
            async with client.stream(method, path, body=body, headers=headers) as answer:
                yield _trusting(answer, service)

    def timed_out(self, service: str) -> UpstreamTimedOut:
        """Return the problem of a request that has no answer in time."""
        return UpstreamTimedOut(f"{service} did not answer in time; {_REPEAT}")

    def connection_lost(self, service: str) -> UpstreamConnectionLost:
        """Return the problem of a request whose answer broke off."""
        return UpstreamConnectionLost(f"the connection to {service} broke; {_REPEAT}")

    def states(self) -> dict[str, str]:
        """Return the state of each service's circuit breaker: closed, half_open or open."""
        return {name: client.breaker.state.name.lower() for name, client in self.clients.items()}


def _trusting(answer: AnswerT, service: str) -> AnswerT:
    """Return the answer of a service that knows this gateway; raises UpstreamUnavailable.

    A caller's key has been checked here: what a service does not accept is the gateway's own proof
    (kurs.edges), before it did anything, and no business of the caller's.
    """
    if answer.status == _UNPROVEN:
        raise _unavailable(service)
    return answer


@contextmanager
def _problems(service: str, *, reads: bool) -> Iterator[None]:
    try:
        yield
    except TransportError as error:
        raise _problem(error, service, reads=reads) from error


def _problem(error: TransportError, service: str, *, reads: bool) -> Problem:
    # The error's own text names an internal address; a caller learns the service's name only.
    then = "nothing was read" if reads else _REPEAT
    if isinstance(error, ResponseTimeout):
        return UpstreamTimedOut(f"{service} did not answer in time; {then}")
    if isinstance(error, OutcomeUnknown):
        return UpstreamConnectionLost(f"the connection to {service} broke; {then}")
    return _unavailable(service)


def _unavailable(service: str) -> UpstreamUnavailable:
    return UpstreamUnavailable(
        f"{service} cannot be reached now; the request was not carried out",
        headers={"Retry-After": "1"},
    )
