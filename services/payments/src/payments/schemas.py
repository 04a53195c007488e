"""The bodies of the payments API."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    RootModel,
    StringConstraints,
    TypeAdapter,
)

from kurs.contracts.fx import MAX_TOKEN_LENGTH
from kurs.contracts.payments import MAX_PAYMENTS, MAX_WANTED_BY, EventType, PayItem, PayResult
from kurs.kernel.ids import CALLER_ID_PATTERN, AccountRef, AmountIn, NewPaymentId, PayableCurrency
from kurs.kernel.validation import RequestModel
from payments.domain.failure import FailureCode
from payments.domain.moves import Status

_NAMES = f"^({CALLER_ID_PATTERN[1:-1]}(,{CALLER_ID_PATTERN[1:-1]})*)?$"
"""Ids separated by commas; none, too."""
Text = Annotated[str, StringConstraints(max_length=500)]
MetadataKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]

# Words are told as data: one that a later release stored must not make an answer unreadable here.
STATUS_SCHEMA: Mapping[str, Any] = {
    "type": "string",
    "enum": ["PROCESSING", *(s.value for s in Status if s is not Status.RECEIVED)],
}
Amount = Annotated[str, Field(description="Major units, a decimal string.", examples=["188.52"])]
Moment = Annotated[
    str,
    Field(
        description="RFC 3339, UTC.",
        examples=["2026-11-24T06:25:29.123456Z"],
        json_schema_extra={"format": "date-time"},
    ),
]
Currency = Annotated[str, Field(description="ISO 4217.", examples=["USD"])]
_Account = Annotated[str, Field(description="As the caller names it.", examples=["alice"])]


def _one_of(*words: str, description: str = "") -> Any:
    return Field(description=description or None, json_schema_extra={"enum": list(words)})


class PaymentRequest(RequestModel):
    """A payment to make. Without `destination_currency` the destination's settlement currency
    holds, or, if it has none, the paid one."""

    payment_id: NewPaymentId | None = Field(
        None, description="Yours; without it one is made of the Idempotency-Key."
    )
    amount: AmountIn
    currency: PayableCurrency = Field(description="ISO 4217.")
    source_account: AccountRef = Field(description="Who pays: an account of yours.")
    destination_account: AccountRef = Field(
        description="Who is paid: `shop`, another merchant's `rival/shop`, or a public payee id."
    )
    destination_currency: PayableCurrency | None = Field(None, description="What arrives.")
    quote: Annotated[str, StringConstraints(max_length=MAX_TOKEN_LENGTH)] | None = Field(
        None, description="The `quote` of `POST /quotes`: its rate holds."
    )
    capture: Literal["automatic", "manual"] = Field(
        "automatic", description="`manual` holds the money until it is captured or voided."
    )
    description: Text | None = None
    metadata: dict[MetadataKey, Text] = Field(default_factory=dict, max_length=20)


PAYMENT = TypeAdapter(PaymentRequest)


class PaymentBatch(RequestModel):
    """Payments of many callers, each read and answered alone."""

    items: Annotated[list[PayItem], Field(min_length=1, max_length=MAX_PAYMENTS, fail_fast=True)]


class CaptureRequest(RequestModel):
    """How much of an authorized payment to capture; without an amount all of it.

    `null` is refused: whoever sends it meant an amount and has none.
    """

    amount: Annotated[AmountIn, Field(default=None)]


class ActionRequest(RequestModel):
    """An action without options."""


class RefundRequest(RequestModel):
    """How much to give back, in the payment's currency."""

    amount: AmountIn


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


class ExchangeAnswer(BaseModel):
    """The rate that a payment across currencies was made at."""

    quote_id: str
    mid: Annotated[str, Field(description="Units bought for one paid.", examples=["16000"])]
    spread_bps: Annotated[int, Field(description="What the house keeps, in 1/10,000.")]
    rate: Annotated[str, Field(description="`mid` less the spread.", examples=["15920"])]
    source: Annotated[str, Field(description="The rate source.")]
    as_of: Annotated[Moment, Field(description="When the rate was true.")]
    config_revision: Annotated[str, Field(description="Of the configuration that priced it.")]


class FailureAnswer(BaseModel):
    """Why a payment failed; the codes are listed in docs/api.md."""

    code: Annotated[str, _one_of(*FailureCode)]
    message: str


_RISK = {
    "decision": "review",
    "score": 60,
    "reasons": [{"rule": "amount", "points": 60, "message": "the amount is above a limit"}],
}


class PaymentAnswer(BaseModel):
    """A payment. Amounts are decimal strings in major units.

    While an operation on it has no outcome, `waits_for` names the service that it waits for, if
    that is known, and `open_reason` says why.
    """

    payment_id: Annotated[str, Field(examples=["order-1"])]
    status: Annotated[str, Field(json_schema_extra={"enum": STATUS_SCHEMA["enum"]})]
    amount: Amount
    currency: Currency
    source_account: _Account
    destination_account: _Account
    destination_amount: Annotated[
        Amount | None, Field(description="What arrives, or arrived; null until a rate is known.")
    ]
    destination_currency: Currency | None
    fx: ExchangeAnswer | None
    risk: Annotated[dict[str, Any] | None, Field(json_schema_extra={"examples": [_RISK]})]
    failure: FailureAnswer | None
    capture: Annotated[str, _one_of("automatic", "manual")]
    captured_amount: Amount
    refunded_amount: Amount
    description: str | None
    metadata: dict[str, str]
    hold_expires_at: Annotated[
        Moment | None, Field(description="When what is held is released, if nobody decides.")
    ]
    created_at: Moment
    updated_at: Moment
    trace_id: str | None
    waits_for: Annotated[str | None, Field(examples=["fx"])]
    open_reason: str | None


RefundState = Literal["SUCCEEDED", "FAILED", "PROCESSING"]


class RefundFields(BaseModel):
    """What is told of a refund everywhere.

    `destination_amount` is what the receiver gave back. Across currencies `rate` says which rate
    was used, the payment's or the present one, and `fx` what it was; they are null until known.
    """

    refund_id: str
    status: RefundState
    amount: Amount
    currency: Currency
    destination_amount: Amount | None
    destination_currency: Currency | None
    rate: Literal["payment", "present"] | None
    fx: ExchangeAnswer | None
    failure: FailureAnswer | None


class RefundAnswer(RefundFields):
    """A refund, and the payment after it."""

    payment: PaymentAnswer


class PaymentsAnswer(BaseModel):
    """Some payments, newest first."""

    items: list[PaymentAnswer]
    next_cursor: str | None


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


class PayResultAnswer(RootModel[PayResult]):
    """One line of the answer to a batch."""
