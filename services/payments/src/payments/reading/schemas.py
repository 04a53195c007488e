"""What is asked and answered where payments are only read: lists, refunds, the whole story."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from kurs.kernel.ids import AccountRef, AmountIn, CurrencyCode
from kurs.kernel.moments import MomentIn
from payments.domain.failure import FailureCode
from payments.domain.moves import Status
from payments.schemas import (
    STATUS_SCHEMA,
    Amount,
    ExchangeAnswer,
    Moment,
    PaymentAnswer,
    RefundFields,
)

_Cursor = Annotated[
    str, StringConstraints(max_length=300), Field(description="`next_cursor` of the page before.")
]
_Limit = Annotated[int, Field(ge=1, le=200, description="How many items a page has at most.")]


class PaymentFilter(BaseModel):
    """What a list of payments is narrowed to; all of it holds at once."""

    model_config = ConfigDict(extra="forbid")

    status: Annotated[Status | Literal["PROCESSING"], WithJsonSchema(STATUS_SCHEMA)] | None = Field(
        None, description="What was received and has no outcome yet is `PROCESSING`."
    )
    account: AccountRef | None = Field(None, description="The source or the destination.")
    currency: CurrencyCode | None = Field(None, description="The currency that was paid in.")
    amount_min: AmountIn | None = Field(None, description="This much or more; needs `currency`.")
    amount_max: AmountIn | None = Field(None, description="This much or less; needs `currency`.")
    created_after: MomentIn | None = Field(None, description="Made at this moment or later.")
    created_before: MomentIn | None = Field(None, description="Made before this moment.")
    failure_code: FailureCode | None = Field(None, description="Why it failed.")
    text: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None,
        description="Words of the description or of values of the metadata; the beginning of a "
        "word is enough, and case does not matter.",
    )
    order: Literal["newest", "oldest"] = Field("newest", description="What comes first.")

    @property
    def stored_status(self) -> str | None:
        """The status to look for."""
        return Status.RECEIVED if self.status == "PROCESSING" else self.status


class PaymentQuery(PaymentFilter):
    """Which payments to list, and which page of them."""

    cursor: _Cursor | None = None
    limit: _Limit = 50


class RefundQuery(BaseModel):
    """Which page of a payment's refunds."""

    model_config = ConfigDict(extra="forbid")

    cursor: _Cursor | None = None
    limit: _Limit = 50


class ListedRefundAnswer(RefundFields):
    """A refund, whose key asked for it, and when."""

    actor: Annotated[str, Field(description="Whose key asked for it: `merchant/key`.")]
    created_at: Moment


class RefundsAnswer(BaseModel):
    """A payment's refunds, the oldest first."""

    items: list[ListedRefundAnswer]
    next_cursor: str | None


class MoveAnswer(BaseModel):
    """One event of a payment: what moved it, who asked, and when."""

    sequence: int
    type: Annotated[str, Field(examples=["payment.captured"])]
    at: Moment
    from_status: str | None = Field(serialization_alias="from")
    to_status: str = Field(serialization_alias="to")
    cause: str
    actor: str


class OperationAnswer(BaseModel):
    """One thing that was asked of the payment, and what became of it."""

    kind: Annotated[str, Field(examples=["pay"])]
    actor: str
    asked_at: Moment
    state: Annotated[
        Literal["done", "failed", "open"], Field(description="`open`: it has no outcome yet.")
    ]
    attempts: Annotated[int, Field(description="How often somebody took it up.")]
    transfer_id: Annotated[str, Field(description="Its transfer in the ledger.")]


class WaitingAnswer(BaseModel):
    """What a payment waits for, and until when at the most."""

    waits_for: Annotated[
        str,
        Field(description="A service; `approval` or `capture` where a person or a request decides"),
    ]
    reason: str
    until: Moment | None


class RiskStoryAnswer(BaseModel):
    """What risk decided, and on what. `inputs` and what follows are null if risk is unavailable."""

    decision: str
    score: int
    reasons: list[dict[str, Any]]
    inputs: dict[str, Any] | None
    config_revision: str | None
    decided_at: str | None


class RateEditAnswer(BaseModel):
    """Who edited the rates last, as the API server notes it: which source, by what, when."""

    source: str
    by: str
    at: Moment


class QuoteStoryAnswer(ExchangeAnswer):
    """The rate that it was made at, how old that was, and who had edited its revision last.

    `last_edit` is null for rates from files, and for a revision that was replaced before what was
    paid at it was counted.
    """

    last_edit: RateEditAnswer | None
    age_seconds: Annotated[
        float, Field(ge=0, description="How old the rate was when the payment was asked for.")
    ]


class PostingAnswer(BaseModel):
    """One posting; positive is a credit. Accounts stand as the payment names them."""

    account_id: str
    currency: str
    amount: Amount


class TransferAnswer(BaseModel):
    """One transfer of the ledger for the payment; a hold has no postings."""

    transfer_id: str
    kind: str
    status: str
    at: Moment | None
    postings: list[PostingAnswer]


class ExplainAnswer(BaseModel):
    """A payment's whole story.

    `unavailable` names the services that did not tell their part just now.
    """

    payment: PaymentAnswer
    waiting: WaitingAnswer | None
    may: Annotated[list[str], Field(description="What may be asked of it now.")]
    events: list[MoveAnswer]
    operations: list[OperationAnswer]
    refunds: list[ListedRefundAnswer]
    risk: RiskStoryAnswer | None
    quote: QuoteStoryAnswer | None
    transfers: list[TransferAnswer]
    trace_id: str | None
    unavailable: list[str]
