"""The routes of payments: read the request, call one use case, shape the answer.

What only reads is in `payments.reading`.
"""

from typing import Annotated, Any

from fastapi import Depends, Header, Path, Request, Response

from kurs.edges import edge_request_id
from kurs.kernel.batching import settled
from kurs.kernel.caller import CallerDep, MerchantRequired, caller
from kurs.kernel.errors import (
    BadRequest,
    Unavailable,
    problem_responses,
)
from kurs.kernel.ids import PaymentId
from kurs.telemetry import Trace
from kurs.web.direct import direct_post, read_json
from kurs.web.parts import from_app, part_of
from kurs.web.routing import router
from payments.domain.moves import Kind
from payments.errors import (
    FourEyes,
    IdempotencyKeyInvalid,
    IdempotencyKeyRequired,
    KeyReused,
    OperationConflict,
    OperationInProgress,
    PaymentIdTaken,
    PaymentNotFound,
    RefundNotPermitted,
)
from payments.flow.orders import Reply
from payments.paying import Asked, Paying, checked_key
from payments.schemas import (
    PAYMENT,
    ActionRequest,
    CaptureRequest,
    PaymentAnswer,
    PaymentRequest,
    RefundAnswer,
    RefundRequest,
)
from payments.service import PaymentService

_COMMON = problem_responses(MerchantRequired)
routes = router(tags=["payments"], responses=_COMMON)


async def _key(idempotency_key: Annotated[str | None, Header()] = None) -> str:
    """Return the Idempotency-Key, empty without one; raises IdempotencyKeyInvalid."""
    return checked_key(idempotency_key)


Service = Annotated[PaymentService, from_app(PaymentService)]
Key = Annotated[str, Depends(_key)]
PaymentPath = Annotated[PaymentId, Path()]
# What a request without a body asks for.
_WHOLE = CaptureRequest.model_validate({})
_PLAIN = ActionRequest()
_KEY_PARAMETER = {
    "name": "idempotency-key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"},
}


def _refused(model: Any, what: str, *problems: type[BadRequest]) -> dict[str, Any]:
    """Return a 400 that is either what was refused or a problem, told apart by the content type."""
    answer = problem_responses(IdempotencyKeyInvalid, *problems)[400]
    codes = answer["description"].partition(": ")[2]
    told = f"The {what} as FAILED with a failure code, or a problem document: {codes}"
    return {"model": model, "description": told, "content": answer["content"]}


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": PaymentAnswer, "description": "The outcome"},
    202: {"model": PaymentAnswer, "description": "The outcome is not known yet; see Location"},
    400: _refused(PaymentAnswer, "payment"),
}
_ACTION = {
    **_ANSWERS,
    **problem_responses(PaymentNotFound, OperationInProgress, OperationConflict, KeyReused),
}

_DECISION = {**_ACTION, **problem_responses(FourEyes)}


@direct_post(
    routes,
    "/payments",
    body=PaymentRequest,
    responses={
        **_ANSWERS,
        400: _refused(PaymentAnswer, "payment", IdempotencyKeyRequired),
        **problem_responses(PaymentIdTaken, OperationInProgress, KeyReused),
    },
    response_class=Response,
    summary="Make a payment",
    openapi_extra={"parameters": [_KEY_PARAMETER]},
)
async def pay(request: Request) -> Response:
    """Pay once, however often it is asked for with the same Idempotency-Key or payment_id."""
    paying = part_of(request, Paying)
    asked = Asked(
        caller=await caller(request),
        key=checked_key(request.headers.get("idempotency-key")),
        request=await read_json(request, PAYMENT),
        request_id=edge_request_id(request.scope),
        deadline=paying.deadline(),
        trace=Trace.here(),
    )
    (reply,) = await settled(await paying.pay((asked,)))
    if isinstance(reply, Exception):
        raise reply
    return _respond(reply)


@routes.post("/payments/{payment_id}/capture", responses=_ACTION, response_class=Response)
async def capture(
    payment_id: PaymentPath,
    caller: CallerDep,
    key: Key,
    service: Service,
    body: CaptureRequest = _WHOLE,
) -> Response:
    """Take all or part of an authorized payment; the rest of the hold is released."""
    return _respond(await service.capture(caller, payment_id, body.amount, key=key))


@routes.post("/payments/{payment_id}/void", responses=_ACTION, response_class=Response)
async def void(
    payment_id: PaymentPath,
    caller: CallerDep,
    key: Key,
    service: Service,
    _body: ActionRequest = _PLAIN,
) -> Response:
    """Release an authorized payment; nothing is taken."""
    return _respond(await service.act(Kind.VOID, caller, payment_id, key=key))


@routes.post(
    "/payments/{payment_id}/refunds",
    responses={
        **_ACTION,
        200: {"model": RefundAnswer, "description": "The refund"},
        202: {"model": RefundAnswer, "description": "The outcome is not known yet"},
        400: _refused(RefundAnswer, "refund", IdempotencyKeyRequired),
        **problem_responses(RefundNotPermitted, Unavailable),
    },
    response_class=Response,
)
async def refund(
    payment_id: PaymentPath, body: RefundRequest, caller: CallerDep, key: Key, service: Service
) -> Response:
    """Give back all or part of what was captured, at the rate it was paid at."""
    if not key:
        raise IdempotencyKeyRequired
    return _respond(await service.refund(caller, payment_id, body.amount, key=key))


@routes.post("/payments/{payment_id}/approve", responses=_DECISION, response_class=Response)
async def approve(
    payment_id: PaymentPath,
    caller: CallerDep,
    key: Key,
    service: Service,
    _body: ActionRequest = _PLAIN,
) -> Response:
    """Let a payment in review go through; not with the key that paid it."""
    return _respond(await service.decide(Kind.APPROVE, caller, payment_id, key=key))


@routes.post("/payments/{payment_id}/refuse", responses=_DECISION, response_class=Response)
async def refuse(
    payment_id: PaymentPath,
    caller: CallerDep,
    key: Key,
    service: Service,
    _body: ActionRequest = _PLAIN,
) -> Response:
    """Refuse a payment in review; its funds are released. Not with the key that paid it."""
    return _respond(await service.decide(Kind.REFUSE, caller, payment_id, key=key))


def _respond(reply: Reply) -> Response:
    return Response(reply.answer.body, reply.answer.status, reply.headers)
