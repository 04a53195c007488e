"""The bodies of the webhooks API."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from kurs.kernel.validation import RequestModel
from webhooks.domain.delivery import State
from webhooks.domain.health import Reason

Sequence = Annotated[int, Field(ge=0, le=2**63 - 1)]


class DeliveryQuery(RequestModel):
    """Which to list: of this destination, state and these events, after the page before."""

    destination: Annotated[str, Field(max_length=253)] | None = None
    status: State | None = None
    sequences: Annotated[
        str | None,
        Field(
            pattern=r"^[0-9]{1,18}(,[0-9]{1,18}){0,49}$",
            description="Of these events alone: up to 50, as a payment's story has them.",
            examples=["17,19"],
        ),
    ] = None
    before: Annotated[
        str | None, Field(max_length=500, description="`next_before` of the page before.")
    ] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class ReplayRequest(RequestModel):
    """From where on events are sent again."""

    after: Sequence


class RedeliverRequest(RequestModel):
    """A delivery to make again; it has no options."""


class TestRequest(RequestModel):
    """A test event to send; it has no options."""


class DestinationAnswer(BaseModel):
    """Where events go, and how that does. Ready is true while all that it is to get gets there."""

    name: str
    url: str
    types: list[str]
    suspended: bool
    ready: bool
    reason: Reason
    message: str
    delivered_sequence: int | None
    last_sequence: int | None
    waiting: Annotated[int, Field(description="Up to 1,000; 1,001 stands for all beyond.")]
    oldest_waiting_at: str | None
    next_try_at: str | None
    last_error: str | None
    last_error_at: str | None


class DestinationsAnswer(BaseModel):
    """The destinations of a merchant."""

    items: list[DestinationAnswer]


class DeliveryAnswer(BaseModel):
    """An event on its way to a destination, with the last answer. `event` is what is sent."""

    delivery_id: str
    destination: str
    event_id: str
    type: str
    sequence: int
    previous_sequence: int | None
    payment_id: str | None
    # Told as data: a word that a later release stored must not make an answer unreadable here.
    status: Annotated[str, WithJsonSchema({"type": "string", "enum": list(State)})]
    attempts: int
    replays: int
    created_at: str
    tried_at: str | None
    delivered_at: str | None
    next_try_at: str | None
    response_status: int | None
    response: str | None
    error: str | None
    event: str


class DeliveriesAnswer(BaseModel):
    """Some deliveries, newest first. `next_before` is where to go on, null at the end."""

    items: list[DeliveryAnswer]
    next_before: str | None


class RedeliverAnswer(BaseModel):
    """The event is sent again as soon as its payment's earlier ones are taken."""

    delivery_id: str


class TestAnswer(BaseModel):
    """What became of a test event: `delivered` once the receiver answered 2xx, else `error`."""

    event_id: str
    delivered: bool
    response_status: int | None
    response: str | None
    error: str | None
    seconds: float


class TestEvent(BaseModel):
    """A test event, which somebody sent by hand: nothing happened, and it has no place in order."""

    previous_sequence: None = None
    id: str
    type: Literal["destination.test"] = "destination.test"
    sequence: None = None
    payment_id: None = None
    destination: str
    actor: str
    at: str


class ReplayAnswer(BaseModel):
    """How many events are sent again, the first of those that are kept up to `until`."""

    events: int
    until: int | None
