"""Holds a service to its edges: a layer before every route, direct and unknown ones included."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from kurs.edges.mac import Proof, Refused, Verifier, body_fits
from kurs.edges.table import Permissions
from kurs.kernel.caller import MerchantRequired
from kurs.kernel.errors import (
    PROBLEM_MEDIA_TYPE,
    FieldError,
    Forbidden,
    PayloadTooLarge,
    Problem,
    Unauthorized,
)
from kurs.telemetry.service import Telemetry

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""What whoever reaches the port may ask; it says nothing of anybody's money."""
_REASONS = ("missing", "malformed", "caller", "mac", "time", "body", "route", "role")
_SCOPE_KEY = "kurs.edge"
_FIELD = "x-kurs-edge"
_UNPROVEN = "the request does not prove which service sent it"


class EdgeInvalid(Unauthorized):
    """The request does not prove which service sent it; nothing was done."""

    code = "edge_invalid"
    title = "Not from a service"


class EdgeForbidden(Forbidden):
    """The service that calls may not use this route; nothing was done."""

    code = "edge_forbidden"
    title = "Not on this edge"


def edge_request_id(scope: Scope) -> str:
    """Return what tells this request from every other, and is the same when it is replayed."""
    proof: Proof = scope[_SCOPE_KEY]
    return proof.request_id.decode("latin-1")


class EdgeRefusals:
    """Counts what is refused, and says it in the log."""

    def __init__(self, telemetry: Telemetry) -> None:
        counter = telemetry.counter(
            "kurs_edge_refusals_total",
            "Requests refused since they did not prove their edge, or may not use the route",
            ("reason",),
        )
        self._children = {reason: counter.labels(reason) for reason in _REASONS}
        self._logger: FilteringBoundLogger = telemetry.logger

    def add(self, reason: str, scope: Scope, detail: str) -> None:
        """Count one refusal."""
        self._children[reason].inc()
        peer = scope.get("client")
        self._logger.warning(
            "edge refused",
            reason=reason,
            error=detail,
            method=scope["method"],
            path=scope["path"],
            address=peer[0] if peer else None,
        )


class EdgeGuard:
    """ASGI middleware that lets through what an edge proves and may do; `limit` is of bodies.

    The head is proven before a byte of the body is read, and the body before the app sees any.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        verifier: Verifier,
        permissions: Mapping[str, Permissions],
        refusals: EdgeRefusals,
        limit: int,
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._permissions = permissions
        self._refusals = refusals
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"] in OPEN_PATHS):
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            proof = scope[_SCOPE_KEY] = self._judge(scope)
            body = await read_body(receive, self._limit)
            if body is None:
                return
            if not body_fits(body, proof.body_hash):
                raise self._invalid(scope, Refused("body", "the body is another", "send it again"))
        except Problem as problem:
            await _response(problem)(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)

    def _judge(self, scope: Scope) -> Proof:
        try:
            proof = self._verifier.verify(scope)
        except Refused as refused:
            raise self._invalid(scope, refused) from None
        route = self._permissions[proof.caller].find(scope["method"], scope["path"])
        if route is None:
            detail = f"{proof.caller} may not call this route"
            self._refusals.add("route", scope, detail)
            raise EdgeForbidden(detail)
        if route.role is not None:
            self._require_role(route.role, proof, scope)
        return proof

    def _require_role(self, role: str, proof: Proof, scope: Scope) -> None:
        if proof.merchant is None:
            self._refusals.add("role", scope, "no merchant")
            raise MerchantRequired("this route is called on behalf of a merchant")
        if proof.roles is None or role not in proof.roles.decode("latin-1").split(","):
            detail = f"this needs a key with the role '{role}'"
            self._refusals.add("role", scope, detail)
            raise Forbidden(detail)

    def _invalid(self, scope: Scope, refused: Refused) -> EdgeInvalid:
        self._refusals.add(refused.reason, scope, str(refused))
        error = FieldError(_FIELD, str(refused), refused.hint)
        # Whoever it is shall not send on, nor keep the connection.
        return EdgeInvalid(_UNPROVEN, errors=[error], headers={"Connection": "close"})


async def read_body(receive: Receive, limit: int) -> bytes | None:
    """Return the whole body, None when the client has gone; raises PayloadTooLarge."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        piece: bytes = message.get("body", b"")
        if len(body) + len(piece) > limit:
            raise PayloadTooLarge(f"the body may have {limit} bytes")
        body = body + piece if body else piece
        if not message.get("more_body"):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body once more, whole, and then what comes after it."""
    unread = True

    async def receive_again() -> Message:
        nonlocal unread
        if unread:
            unread = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return receive_again


def _response(problem: Problem) -> Response:
    return Response(problem.body(), problem.status, problem.headers, media_type=PROBLEM_MEDIA_TYPE)
