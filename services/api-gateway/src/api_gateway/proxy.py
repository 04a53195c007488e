"""The hot path: finds the route, asks who calls, applies the limits, forwards bytes.

Pure ASGI: no request object, no validation, no JSON. What it does not know (probes, documents,
the console) it leaves to the app behind it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from api_gateway.access_log import AccessLog
from api_gateway.admission import Loan, Shares
from api_gateway.authentication import Authenticator, refuse_key_in_query, require_role
from api_gateway.body import BodyReader, ClientGone, linger
from api_gateway.client_address import ClientAddresses
from api_gateway.errors import (
    AddressNotAllowed,
    BodyTooSlow,
    KeyExpired,
    MethodNotOffered,
    RateLimited,
    ShareUsed,
    UnexpectedBody,
)
from api_gateway.exchange import Exchange
from api_gateway.keystore import AcceptedKey
from api_gateway.metrics import GatewayMetrics
from api_gateway.pace import Pace
from api_gateway.payment_batches import PaymentBatches
from api_gateway.rate_limit import RateLimit
from api_gateway.refusal_audit import RefusalAudit
from api_gateway.relay import (
    end_body,
    send_answer,
    send_head,
    send_problem,
    send_stream,
    with_fields,
)
from api_gateway.request_head import RequestHead
from api_gateway.route_table import Methods, Route, RouteTable, check_query
from api_gateway.routes import KEY_IN_SCOPE
from api_gateway.upstreams import Upstreams
from kurs.calls import Response
from kurs.edges.table import GATEWAY
from kurs.kernel.errors import IdempotencyKeyNotTaken, Internal, Overloaded, Problem, Unavailable
from kurs.telemetry import carry_merchant
from kurs.telemetry.middleware import PROBES, route_template
from kurs.web.csv_stream import BARE_HEADER

_LOOK_SECONDS = 0.25
_PAY = "/payments"


@dataclass(frozen=True, slots=True)
class Gate:
    """What a request has to pass, in this order."""

    addresses: ClientAddresses
    authenticator: Authenticator
    rate_limit: RateLimit
    bodies: BodyReader
    memory: Shares
    requests: Shares
    streams: Shares
    exports: Shares
    pace: Pace


class Proxy:
    """ASGI middleware that answers what the route table knows, in front of `app`."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        gate: Gate,
        upstreams: Upstreams,
        payments: PaymentBatches,
        metrics: GatewayMetrics,
        logger: FilteringBoundLogger,
        draining: Callable[[], bool],
        access_log: AccessLog | None = None,
    ) -> None:
        self._app = app
        self._table = RouteTable()
        self._gate = gate
        self._upstreams = upstreams
        self._payments = payments
        self._metrics = metrics
        self._logger = logger
        self._audit = RefusalAudit(logger)
        self._draining = draining
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of a public route; pass on everything else."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif self._access_log is None:
            await self._handle(Exchange(scope, receive, send))
        else:
            await self._access_log.follow(Exchange(scope, receive, send), self._handle)

    async def _handle(self, exchange: Exchange) -> None:
        scope = exchange.scope
        try:
            methods = self._table.find(scope["raw_path"])
            if methods is not None:
                await self._answer(exchange, methods)
                return
        except Problem as problem:
            await self._refuse(exchange, problem)
            return
        except ClientGone:
            return
        except Exception as error:
            self._logger.error(
                "unhandled error", path=scope["path"], actor=exchange.actor, exc_info=error
            )
            await self._refuse(exchange, Internal("an unexpected error; the log has the details"))
            return
        if scope["path"] not in PROBES:
            await self._gate.pace.of_address(self._address(scope))
        await self._app(scope, exchange.receive, exchange.send)

    async def _answer(self, exchange: Exchange, methods: Methods) -> None:
        gate = self._gate
        head = exchange.head = RequestHead(exchange.scope["headers"])
        route = _route(exchange.scope, methods)
        query = exchange.scope["query_string"]
        if query:
            check_query(query)
            refuse_key_in_query(query)
        key = exchange.key = gate.authenticator.identify(head)
        gate.authenticator.admit(key, exchange.scope)
        exchange.fields, wait = gate.rate_limit.hit(key.merchant, key.entry.id, key.quota)
        if route.role is not None:
            require_role(key, route.role)
        if head.idempotency_key and not route.takes_key:
            raise IdempotencyKeyNotTaken(
                f"{route.template} would ignore the Idempotency-Key: leave it out"
            )
        if wait:
            await asyncio.sleep(wait)
        carry_merchant(key.merchant)
        head.passed_on.update(key.identity_headers)
        if route.service == GATEWAY:
            await self._own_answer(exchange, head)
        elif route.streams:
            # Exports read much; of events nearly all that a stream does is to wait.
            exports = int(route.exports)
            with gate.streams.borrow(key.merchant), gate.exports.borrow(key.merchant, exports):
                await self._stream(exchange, head, route, key)
        else:
            with gate.memory.borrow(key.merchant, 0) as memory:
                answer = await self._answer_of_service(exchange, head, route, memory)
            await send_answer(exchange.send, answer, exchange.fields, bare=exchange.asks_head)

    async def _own_answer(self, exchange: Exchange, head: RequestHead) -> None:
        """Let the app behind answer, which finds the key that proved itself in the scope."""
        if head.has_body:
            raise UnexpectedBody("this takes no body")
        exchange.scope[KEY_IN_SCOPE] = exchange.key
        send = with_fields(exchange.send, exchange.fields)
        await self._app(exchange.scope, exchange.receive, send)

    async def _answer_of_service(
        self, exchange: Exchange, head: RequestHead, route: Route, memory: Loan
    ) -> Response:
        # The body first, then a slot: one whose body dawdles, or who reads the answer slowly,
        # keeps nobody from being served.
        gate, body, merchant = self._gate, None, memory.holder
        if route.takes_body:
            body = await gate.bodies.read(head, exchange.receive, merchant, memory)
            exchange.unread = False
        elif head.has_body:
            raise UnexpectedBody(f"{exchange.scope['method']} takes no body")
        with gate.requests.borrow(merchant):
            if route.method == "POST" and exchange.target() == _PAY:
                return await self._payments.pay(body, head.passed_on)
            return await self._upstreams.send(
                route.service, route.method, exchange.target(), body, head.passed_on
            )

    async def _stream(
        self, exchange: Exchange, head: RequestHead, route: Route, key: AcceptedKey
    ) -> None:
        def ends() -> bool:
            # Also when its key was revoked or has expired since.
            authenticator = self._gate.authenticator
            return self._draining() or not authenticator.still_in_force(
                key, route.role, exchange.scope
            )

        if self._draining():
            raise Unavailable("this replica is ending: open it again", headers={"Retry-After": "1"})
        if exchange.asks_head:
            head.passed_on[BARE_HEADER] = "head"
        opened = self._upstreams.stream(route.service, exchange.target(), head.passed_on)
        async with opened as answer:
            if exchange.asks_head:
                await send_head(exchange.send, answer, exchange.fields)
                return
            relayed = asyncio.create_task(send_stream(exchange.send, answer, exchange.fields))
            gone = asyncio.create_task(_disconnected(exchange.receive))
            try:
                while True:
                    # Before it is asked whether to end: an answer that ends has to begin.
                    await asyncio.wait(
                        (relayed, gone),
                        timeout=_LOOK_SECONDS,
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    if relayed.done() or gone.done() or ends():
                        break
            finally:
                relayed.cancel()
                gone.cancel()
                await asyncio.gather(relayed, gone, return_exceptions=True)
        await end_body(exchange.send)

    async def _refuse(self, exchange: Exchange, problem: Problem) -> None:
        scope = exchange.scope
        self._metrics.refused(problem.code)
        self._audit.refused(
            problem,
            actor=exchange.actor,
            address=self._address(scope),
            method=scope["method"],
            route=route_template(scope),
        )
        await self._pace(exchange, problem)
        ends = exchange.leaves_much_unread(self._gate.bodies.limit)
        if isinstance(problem, BodyTooSlow):
            ends = True
        elif isinstance(problem, ShareUsed | Overloaded) and exchange.unread:
            # Its body may take as long as it likes, on a connection that is not kept for it.
            ends = exchange.head is not None and exchange.head.has_body
        await send_problem(exchange.send, problem, exchange.fields, ends=ends)
        if ends:
            await linger(exchange.receive)
            await end_body(exchange.send)

    async def _pace(self, exchange: Exchange, problem: Problem) -> None:
        key, pace = exchange.key, self._gate.pace
        if isinstance(problem, RateLimited | ShareUsed) and key is not None:
            await pace.of_merchant(key.merchant)
        elif key is None or isinstance(problem, KeyExpired | AddressNotAllowed):
            await pace.of_address(self._address(exchange.scope))

    def _address(self, scope: Scope) -> str:
        return str(self._gate.addresses.of(scope) or "")


def _route(scope: Scope, methods: Methods) -> Route:
    """Return the route of the request's method, and name its template for the telemetry.

    HEAD is there wherever GET is (RFC 9110, 9.3.2), and asks the service with GET.
    """
    method = scope["method"]
    route = methods.get("GET" if method == "HEAD" else method)
    known = route or next(iter(methods.values()))
    scope["route"] = known.template
    if route is None:
        offered = {*methods, "HEAD"} if "GET" in methods else methods
        allowed = ", ".join(sorted(offered))
        raise MethodNotOffered(
            f"{known.template} offers {allowed}, not this method", headers={"Allow": allowed}
        )
    return route


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
