"""What is asked for events, and what is told of them."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from kurs.contracts.payments import MAX_WANTED_BY, EventType
from kurs.kernel.ids import CALLER_ID_PATTERN
from kurs.kernel.validation import RequestModel
from payments.schemas import Moment, PaymentAnswer, RefundFields

_NAMES = f"^({CALLER_ID_PATTERN[1:-1]}(,{CALLER_ID_PATTERN[1:-1]})*)?$"
"""Ids separated by commas; none, too."""
MAX_POSITION = 2**63 - 1
Position = Annotated[int, Field(ge=0, le=MAX_POSITION)]
"""The sequence of an event."""


def _absent_if_empty(text: object) -> object:
    return text or None if isinstance(text, str) else text


class EventQuery(RequestModel):
    """Where to begin: after this event; without it, with what happens from now on."""

    after: Annotated[Position | None, BeforeValidator(_absent_if_empty)] = None


class EventListQuery(RequestModel):
    """Which events to list: those after this one, of this type if one is named."""

    after: Position = 0
    type: EventType | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class FeedQuery(RequestModel):
    """Which events of all merchants webhooks wants, and how long it waits for the next one.

    `wanted_by` names merchants, separated by commas: what is of others is passed over.
    """

    after: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 200
    wait_seconds: Annotated[float, Field(ge=0, le=10)] = 0
    wanted_by: Annotated[str, Field(max_length=MAX_WANTED_BY * 65, pattern=_NAMES)] | None = None

    @property
    def merchants(self) -> list[str] | None:
        """Those whose events are wanted; None for all."""
        return None if self.wanted_by is None else [m for m in self.wanted_by.split(",") if m]


class EventRefundAnswer(RefundFields):
    """The refund that an event is about; the payment after it stands beside it."""

    status: Literal["SUCCEEDED", "FAILED"]


class EventAnswer(BaseModel):
    """What happened to a payment, with the payment as it was then; its bytes never change.

    Without `is_snapshot` it is a refund of a release that did not keep that: `payment` is as it is
    now, and `refund` null.
    """

    id: str
    type: str
    sequence: int
    payment_id: str
    from_status: str | None = Field(alias="from")
    to_status: str = Field(alias="to")
    cause: str
    actor: str
    at: Moment
    trace_id: str | None
    is_snapshot: bool
    refund: EventRefundAnswer | None
    payment: PaymentAnswer


class EventDepositAnswer(BaseModel):
    """A deposit: what came from outside, and to which account."""

    deposit_id: str
    account_id: str
    amount: str
    currency: str


class DepositEventAnswer(BaseModel):
    """What came to an account from outside, once it was made; its bytes never change.

    Of a deposit that another merchant's key made, `actor` is that merchant.
    """

    id: str
    type: Literal["deposit.succeeded"]
    sequence: int
    payment_id: None
    actor: str | None
    at: Moment
    deposit: EventDepositAnswer


class EventsAnswer(BaseModel):
    """Some events, oldest first. `next_after` is where to go on, also when `items` is empty.

    `unreadable` are the sequences between them of events that cannot be read; without any it is
    left out.
    """

    items: list[EventAnswer | DepositEventAnswer]
    next_after: int
    has_more: bool
    unreadable: list[int] = []
