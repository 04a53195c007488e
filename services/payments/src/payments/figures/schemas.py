"""What is asked and answered about money over time."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from payments.domain.figures import Period
from payments.schemas import Amount, Moment

_Share = Annotated[
    float | None,
    Field(ge=0, le=1, description="Of outcomes, those that are not FAILED; null without any."),
]


class FiguresQuery(BaseModel):
    """Which figures."""

    model_config = ConfigDict(extra="forbid")

    period: Period = Field(Period.HOUR, description="How far back: spans of 2 min, 1 h or 6 h.")
    of: Literal["merchant", "all"] = Field(
        "merchant", description="`all`: every merchant together, with the role `audit`."
    )


class FigureAnswer(BaseModel):
    """What became of payments in a time. Worth is in the reference currency."""

    outcomes: Annotated[int, Field(description="Payments that got their first outcome.")]
    failed: int
    success_rate: _Share
    p95_seconds: Annotated[
        float | None, Field(description="95 of 100 outcomes came within it; null without any.")
    ]
    captures: int
    volume: Annotated[Amount, Field(description="What captures were worth, at mid rates then.")]
    spread_earned: Annotated[Amount, Field(description="By captures, before refunds.")]
    unpriced: Annotated[int, Field(description="Captures in no worth: there was no rate.")]


class CorridorAnswer(FigureAnswer):
    """The same of one corridor.

    `source_currency` is null for all corridors past the bound of 64, `destination_currency` also
    where it never became known.
    """

    source_currency: str | None
    destination_currency: str | None
    captured_amount: Annotated[
        Amount | None, Field(description="In the source currency; null where there is none.")
    ]


class SpanAnswer(FigureAnswer):
    """The same of one span of time, from its beginning on."""

    start: Moment


class FiguresAnswer(BaseModel):
    """Money over time: the whole period, its corridors by volume, and its spans, oldest first."""

    period: Period
    of: Literal["merchant", "all"]
    reference_currency: str
    as_of: Moment
    waiting_events: Annotated[
        int, Field(description="What happened and is not counted yet; counted every 10 s.")
    ]
    total: FigureAnswer
    corridors: list[CorridorAnswer]
    spans: list[SpanAnswer]
