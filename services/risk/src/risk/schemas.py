"""Bodies of risk: requests that refuse unknown fields, and the answers.

Amounts are decimal strings in major units. Times are RFC 3339 in public, microseconds since the
epoch between services.
"""

from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    WithJsonSchema,
)

from kurs.config.resources import LastEdit, Mode
from kurs.contracts.batch import MAX_ITEMS
from kurs.contracts.risk import (
    YEAR_10000,
    Decision,
    ExposureItem,
    ExposureResult,
    Micros,
    ScoreItem,
    ScoreResult,
)
from kurs.kernel.ids import AccountRef, AmountIn, CurrencyCode, PaymentId
from kurs.kernel.moments import read_moment
from kurs.kernel.validation import RequestModel

Moment = Annotated[
    Micros,
    BeforeValidator(read_moment),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time", "maxLength": 40},
                {"type": "integer", "minimum": 0, "exclusiveMaximum": YEAR_10000},
            ],
            "description": "RFC 3339, or microseconds since the epoch.",
        }
    ),
]
Opened = "When the source account was opened; absent: not known."
Received = "What the destination receives; absent: not known, so every corridor is meant."


class ScoreRequest(RequestModel):
    """A payment to be scored."""

    payment_id: PaymentId
    amount: AmountIn
    currency: CurrencyCode
    source_account: AccountRef
    destination_account: AccountRef
    destination_currency: CurrencyCode | None = Field(None, description=Received)
    source_opened_at: Moment | None = Field(None, description=Opened)


class ScoreBatch(RequestModel):
    """Payments, each scored or refused alone, in order."""

    items: Annotated[list[ScoreItem], Field(min_length=1, max_length=MAX_ITEMS, fail_fast=True)]


class ExposureBatch(RequestModel):
    """What merchants hold open, each judged alone, in order."""

    items: Annotated[list[ExposureItem], Field(min_length=1, max_length=MAX_ITEMS, fail_fast=True)]


class ExposureAnswer(BaseModel):
    """One result per item, in order."""

    results: list[ExposureResult]


# Words are told as data: one that a later release stored must not make an answer unreadable here.
DecisionWord = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "enum": list(Decision),
            "description": "A word that you do not know is no approval.",
        }
    ),
]


class ReasonAnswer(BaseModel):
    """What a rule found; `threshold` says which threshold decided and has no points."""

    rule: str
    points: int
    message: str


class ScoreAnswer(BaseModel):
    """The decision on a payment; the same for the same payment, however often it is asked."""

    payment_id: str
    decision: DecisionWord
    score: Annotated[int, Field(ge=0, le=100)]
    reasons: list[ReasonAnswer]
    config_revision: str
    decided_at: str


class ShadowAnswer(BaseModel):
    """What a threshold in Shadow mode would have decided."""

    threshold: str
    decision: DecisionWord
    score: int
    reasons: list[ReasonAnswer]


class InputsAnswer(BaseModel):
    """What the decision was made on."""

    amount: str
    currency: str
    source_account: str
    destination_account: str
    destination_currency: str | None
    source_opened_at: str | None


class DecisionAnswer(ScoreAnswer):
    """A stored decision with its inputs.

    Without the role `audit` the messages are fixed sentences, and `shadow` is empty.
    """

    inputs: InputsAnswer
    shadow: list[ShadowAnswer]


class BatchAnswer(BaseModel):
    """One result per item, in order."""

    results: list[ScoreResult]


class ThresholdAnswer(BaseModel):
    """A threshold in force, or with a window that is still to come."""

    name: str
    mode: Mode
    priority: int
    scope: Annotated[str, Field(examples=["payments in IDR"])]
    limits: Annotated[
        list[str],
        Field(
            description="Each limit in words.", examples=[["A payment is at most 20,000.00 USD."]]
        ),
    ]
    effective_from: str | None
    effective_until: str | None


class ThresholdsAnswer(BaseModel):
    """Which thresholds judge payments, and who edited them last."""

    thresholds: list[ThresholdAnswer]
    config_revision: str
    last_edit: LastEdit | None
