"""The bodies of the payments API."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from kurs.contracts.fx import MAX_TOKEN_LENGTH
from kurs.kernel.ids import AccountRef, AmountIn, CurrencyCode, NewPaymentId
from payments.domain.event_types import EventType

Text = Annotated[str, StringConstraints(max_length=500)]
MetadataKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PaymentRequest(_Body):
    """A payment to make. Without `destination_currency` the destination's settlement currency
    holds, or, if it has none, the paid one."""

    payment_id: NewPaymentId | None = None
    amount: AmountIn
    currency: CurrencyCode
    source_account: AccountRef
    destination_account: AccountRef
    destination_currency: CurrencyCode | None = None
    quote: Annotated[str, StringConstraints(max_length=MAX_TOKEN_LENGTH)] | None = None
    capture: Literal["automatic", "manual"] = "automatic"
    description: Text | None = None
    metadata: dict[MetadataKey, Text] = Field(default_factory=dict, max_length=20)


class CaptureRequest(_Body):
    """How much of an authorized payment to capture; without an amount all of it.

    `null` is refused: whoever sends it meant an amount and has none.
    """

    amount: Annotated[AmountIn, Field(default=None)]


class ActionRequest(_Body):
    """An action without options."""


class RefundRequest(_Body):
    """How much to give back, in the payment's currency."""

    amount: AmountIn


MAX_POSITION = 2**63 - 1
Position = Annotated[int, Field(ge=0, le=MAX_POSITION)]
"""The sequence of an event."""


def _absent_if_empty(text: object) -> object:
    return text or None if isinstance(text, str) else text


class EventQuery(_Body):
    """Where to begin: after this event; without it, with what happens from now on."""

    after: Annotated[Position | None, BeforeValidator(_absent_if_empty)] = None


class EventListQuery(_Body):
    """Which events to list: those after this one, of this type if one is named."""

    after: Position = 0
    type: EventType | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class ExchangeAnswer(BaseModel):
    """The rate that a payment across currencies was made at."""

    quote_id: str
    mid: str
    spread_bps: int
    rate: str
    source: str
    as_of: str
    config_revision: str


class FailureAnswer(BaseModel):
    """Why a payment failed; the codes are listed in docs/api.md."""

    code: str
    message: str


class PaymentAnswer(BaseModel):
    """A payment. Amounts are decimal strings in major units.

    While an operation on it has no outcome, `waits_for` names the service that it waits for, if
    that is known, and `open_reason` says why.
    """

    payment_id: str
    status: str
    amount: str
    currency: str
    source_account: str
    destination_account: str
    destination_amount: str | None
    destination_currency: str | None
    fx: ExchangeAnswer | None
    risk: dict[str, Any] | None
    failure: FailureAnswer | None
    capture: str
    captured_amount: str
    refunded_amount: str
    description: str | None
    metadata: dict[str, str]
    hold_expires_at: str | None
    created_at: str
    updated_at: str
    trace_id: str | None
    waits_for: str | None
    open_reason: str | None


RefundState = Literal["SUCCEEDED", "FAILED", "PROCESSING"]


class RefundAnswer(BaseModel):
    """A refund, and the payment after it.

    `destination_amount` is what the receiver gave back. Across currencies `rate` says which rate
    was used, the payment's or the present one, and `fx` what it was; they are null until known.
    """

    refund_id: str
    status: RefundState
    amount: str
    currency: str
    destination_amount: str | None
    destination_currency: str | None
    rate: Literal["payment", "present"] | None
    fx: ExchangeAnswer | None
    failure: FailureAnswer | None
    payment: PaymentAnswer


class PaymentsAnswer(BaseModel):
    """Some payments, newest first."""

    items: list[PaymentAnswer]
    next_cursor: str | None


class EventRefundAnswer(BaseModel):
    """The refund that an event is about; the payment after it stands beside it."""

    refund_id: str
    status: Literal["SUCCEEDED", "FAILED"]
    amount: str
    currency: str
    destination_amount: str | None
    destination_currency: str | None
    rate: Literal["payment", "present"] | None
    fx: ExchangeAnswer | None
    failure: FailureAnswer | None


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
    at: str
    trace_id: str | None
    is_snapshot: bool
    refund: EventRefundAnswer | None
    payment: PaymentAnswer


class EventsAnswer(BaseModel):
    """Some events, oldest first. `next_after` is where to go on, also when `items` is empty."""

    items: list[EventAnswer]
    next_after: int
    has_more: bool
