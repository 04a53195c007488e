"""What the OpenAPI document says of events: a webhook for each type, with its schema."""

from collections.abc import Callable
from typing import Any, Literal, cast

from fastapi import APIRouter
from pydantic import BaseModel, create_model

from kurs.contracts.payments import EventType
from payments.domain.event_types import REFUND_TYPES
from payments.events.schemas import DepositEventAnswer, EventAnswer, EventRefundAnswer

_SAID = "A webhook of this type was taken; any other status is sent again"


def webhooks() -> APIRouter:
    """Return the webhooks, as `FastAPI.webhooks` takes them. Of a request none is sent."""
    router = APIRouter()
    for sent in EventType:
        if sent is not EventType.REQUESTED:
            router.add_api_route(
                str(sent),
                _receiver(_schema(sent)),
                methods=["POST"],
                name=str(sent),
                summary=_words(sent),
                tags=["payments"],
                status_code=204,
                response_description=_SAID,
            )
    return router


def _receiver(schema: type[BaseModel]) -> Callable[..., Any]:
    async def receive(body: BaseModel) -> None:
        """Take an event; `webhook-id`, `webhook-timestamp` and `webhook-signature` prove it."""

    receive.__annotations__["body"] = schema
    return receive


def _schema(sent: EventType) -> type[BaseModel]:
    if sent is EventType.DEPOSIT_SUCCEEDED:
        return DepositEventAnswer
    refund: Any = EventRefundAnswer | None if sent in REFUND_TYPES else None
    named: Any = Literal[str(sent)]
    name = "".join(word.capitalize() for word in _words(sent).split())
    return cast(
        type[BaseModel],
        create_model(
            f"{name}Event",
            __base__=EventAnswer,
            __doc__=f"{_words(sent)}, with the payment as it was then.",
            type=(named, ...),
            refund=(refund, ...),
        ),
    )


def _words(sent: EventType) -> str:
    return str(sent).replace(".", " ").replace("_", " ").capitalize()
