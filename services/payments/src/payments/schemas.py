"""The bodies of the payments API; those of events are in `payments.events`.

What every payment is answered with is a plain dict that the type checker holds to its members:
making a model of each, which nobody validates, took as long as reading the request.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, RootModel, StringConstraints, TypeAdapter
from typing_extensions import TypedDict

from kurs.contracts.fx import MAX_TOKEN_LENGTH
from kurs.contracts.payments import MAX_PAYMENTS, PayItem, PayResult
from kurs.kernel.ids import AccountRef, AmountIn, CurrencyCode, NewPaymentId
from kurs.kernel.validation import RequestModel
from payments.domain.failure import FailureCode
from payments.domain.moves import Status

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
    currency: CurrencyCode = Field(description="ISO 4217.")
    source_account: AccountRef = Field(description="Who pays: an account of yours.")
    destination_account: AccountRef = Field(
        description="Who is paid: `shop`, another merchant's `rival/shop`, or a public payee id."
    )
    destination_currency: CurrencyCode | None = Field(None, description="What arrives.")
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


class ExchangeAnswer(TypedDict):
    """The rate that a payment across currencies was made at."""

    quote_id: str
    mid: Annotated[str, Field(description="Units bought for one paid.", examples=["16000"])]
    spread_bps: Annotated[int, Field(description="What the house keeps, in 1/10,000.")]
    rate: Annotated[str, Field(description="`mid` less the spread.", examples=["15920"])]
    source: Annotated[str, Field(description="The rate source.")]
    as_of: Annotated[Moment, Field(description="When the rate was true.")]
    config_revision: Annotated[str, Field(description="Of the configuration that priced it.")]


class FailureAnswer(TypedDict):
    """Why a payment failed; the codes are listed in docs/api.md."""

    code: Annotated[str, _one_of(*FailureCode)]
    message: str


_RISK = {
    "decision": "review",
    "score": 60,
    "reasons": [{"rule": "amount", "points": 60, "message": "the amount is above a limit"}],
}


class PaymentAnswer(TypedDict):
    """A payment. Amounts are decimal strings in major units.

    While an operation on it has no outcome, `waits_for` names the service that it waits for, and
    `open_reason` says why.
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


class PayResultAnswer(RootModel[PayResult]):
    """One line of the answer to a batch."""
