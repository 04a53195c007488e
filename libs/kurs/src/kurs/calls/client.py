"""The client of one service: deadline, retries, circuit breaker, metrics and trace context.

The only place where a call is repeated. A caller says `retryable=True` when the request carries
an id by which the target knows a repetition.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from multidict import CIMultiDict

from kurs.calls.breaker import CircuitBreaker
from kurs.calls.errors import (
    CircuitOpen,
    ConnectionLost,
    NoTimeLeft,
    OutcomeUnknown,
    ResponseTimeout,
    TransportError,
    Unreachable,
)
from kurs.calls.message import Request, Response, StreamedResponse, Transport
from kurs.calls.observe import CallObserver
from kurs.calls.retry import RetryBudget, backoff
from kurs.kernel import progress
from kurs.kernel.clock import monotonic
from kurs.kernel.deadline import DEADLINE_HEADER, Deadline, current_deadline
from kurs.telemetry.service import Telemetry

if TYPE_CHECKING:
    from kurs.edges import Signer

Headers = Mapping[str, str]
AnswerT = TypeVar("AnswerT", Response, StreamedResponse)

# Kept back at each hop for the way of the answer, so that the callee gives up before its caller.
MARGIN_SECONDS = 0.005
# A shorter wait than this, cut by the caller's deadline, says nothing about the target.
_TELLING_SECONDS = 1.0


class ServiceClient:
    """Calls one service, `name`, under `base_url`.

    `timeout` is the seconds for a whole call, retries included; a shorter deadline of the caller
    wins. `signer` proves to the service who calls. `clock` and `sleep` are for tests.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        transport: Transport,
        *,
        telemetry: Telemetry,
        signer: "Signer | None" = None,
        timeout: float = 5.0,
        retries: int = 2,
        budget: RetryBudget | None = None,
        breaker: CircuitBreaker | None = None,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = name
        self._base_url = base_url.rstrip("/")
        self._origin = len(f"{urlsplit(base_url).scheme}://{urlsplit(base_url).netloc}")
        self._signer = signer
        self._transport = transport
        self._timeout = timeout
        self._retries = retries
        self._sleep = sleep
        self._observer = CallObserver(name, telemetry)
        self._budget = budget or RetryBudget(clock=clock)
        self.breaker = breaker or CircuitBreaker(clock=clock)
        self._observer.watch(self.breaker)

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Headers | None = None,
        deadline: Deadline | None = None,
        retryable: bool = False,
    ) -> Response:
        """Send a request and return its answer, whatever its status.

        `path` is absolute and encoded, with its query. Without `deadline` the deadline of the
        request being served holds. Raises Unreachable (CircuitOpen, NoTimeLeft) when no
        attempt was sent, OutcomeUnknown (ConnectionLost, ResponseTimeout) when the call may have
        happened.
        """
        request = self._request(method, path, body, headers)
        until = self._until(deadline)
        self._budget.deposit()
        unknown: OutcomeUnknown | None = None
        attempt = 1
        while True:
            try:
                return await self._attempt(request, until)
            except TransportError as error:
                if not (retryable and await self._again(error, attempt, until)):
                    if unknown is None or isinstance(error, OutcomeUnknown):
                        raise
                    # An attempt that was not sent does not undo an earlier one that was.
                    raise unknown from error
                if isinstance(error, OutcomeUnknown):
                    unknown = error
            attempt += 1

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Headers | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        """Yield an answer to be read in pieces; never repeated.

        `timeout` bounds only its head, and no deadline is passed on: a stream of events has none.
        Raises as `request` does; the iteration raises ConnectionLost when the stream breaks off.
        """
        request = self._request(method, path, body, headers)
        request.timeout = self._timeout
        async with AsyncExitStack() as stack:

            async def opened() -> StreamedResponse:
                return await stack.enter_async_context(self._transport.stream(request))

            yield await self._guarded(opened, request)

    def _request(
        self, method: str, path: str, body: bytes | None, headers: Headers | None
    ) -> Request:
        own = CIMultiDict(headers or ())
        if body is not None and "Content-Type" not in own:
            own["Content-Type"] = "application/json"
        return Request(method, self._base_url + path, own, body, target=self.name)

    def _until(self, deadline: Deadline | None) -> Deadline:
        own = Deadline.after(self._timeout)
        callers = deadline or current_deadline.get()
        return (
            own if callers is None or own.expires_monotonic < callers.expires_monotonic else callers
        )

    async def _attempt(self, request: Request, until: Deadline) -> Response:
        left = until.remaining() - MARGIN_SECONDS
        if left <= 0:
            self._observer.refused(NoTimeLeft.kind)
            raise NoTimeLeft(self.name, "no time left to send the request")
        request.timeout = left
        request.headers[DEADLINE_HEADER] = str(int(left * 1000))
        return await self._guarded(lambda: self._transport.send(request), request)

    async def _guarded(self, call: Callable[[], Awaitable[AnswerT]], request: Request) -> AnswerT:
        """Run one attempt under the circuit breaker, observed."""
        if not self.breaker.allow():
            self._observer.refused(CircuitOpen.kind)
            raise CircuitOpen(self.name, "spared for a while after repeated failures")
        observed = self._observer.start(request)
        if self._signer is not None:
            # Each attempt anew: it is a request of its own, and the time in it must be recent.
            target = request.url[self._origin :]
            self._signer.sign(request.method, target, request.headers, request.body)
        try:
            answer = await call()
        except BaseException as error:
            self._judge(error, request)
            observed.failed(error)
            raise
        self.breaker.succeed()
        progress.made()
        observed.answered(answer.status)
        return answer

    def _judge(self, error: BaseException, request: Request) -> None:
        waited = request.timeout or self._timeout
        cut_short = isinstance(error, ResponseTimeout) and waited < min(
            _TELLING_SECONDS, self._timeout - MARGIN_SECONDS * 2
        )
        if isinstance(error, TransportError) and not cut_short:
            self.breaker.fail()
        else:
            self.breaker.abandon()

    async def _again(self, error: TransportError, attempt: int, until: Deadline) -> bool:
        """Wait for the next attempt; False when there must be none."""
        hopeless = isinstance(error, CircuitOpen | NoTimeLeft)
        if hopeless or not isinstance(error, Unreachable | ConnectionLost):
            return False
        delay = backoff(attempt)
        if attempt > self._retries or delay >= until.remaining() - MARGIN_SECONDS:
            return False
        if not self._budget.withdraw():
            self._observer.exhausted.inc()
            return False
        self._observer.retries.inc()
        await self._sleep(delay)
        return True
