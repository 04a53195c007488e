"""Requests and answers of fx. Amounts and rates are decimal strings; times are RFC 3339."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from kurs.config.resources import LastEdit
from kurs.contracts.batch import MAX_ITEMS
from kurs.contracts.fx import QuoteItem, QuoteResult
from kurs.kernel.ids import AmountIn, CurrencyCode, PayableCurrency
from kurs.kernel.validation import RequestModel


class RateQuery(RequestModel):
    """Which pair: how much of `quote` is one `base`?"""

    base: CurrencyCode
    quote: CurrencyCode


class ConvertQuery(RequestModel):
    """What to convert."""

    from_: Annotated[PayableCurrency, Field(alias="from")]
    to: PayableCurrency
    amount: Annotated[str, Field(min_length=1, max_length=64, examples=["100.00"])]


class QuoteRequest(RequestModel):
    """What to quote; exactly one of the two amounts is fixed by the caller."""

    source_currency: CurrencyCode
    destination_currency: CurrencyCode
    source_amount: AmountIn | None = None
    destination_amount: AmountIn | None = None


class QuoteBatch(RequestModel):
    """Quotes for many payments at once."""

    items: Annotated[list[QuoteItem], Field(min_length=1, max_length=MAX_ITEMS, fail_fast=True)]


class RateAnswer(BaseModel):
    """What one `base` is worth: `rate` is `mid x (1 - spread_bps / 10,000)`."""

    base: str
    quote: str
    mid: str
    spread_bps: int
    rate: str
    source: str
    as_of: str
    age_seconds: int
    config_revision: str


class ConversionAnswer(BaseModel):
    """What an amount would buy now; no promise."""

    model_config = ConfigDict(serialize_by_alias=True)

    from_: Annotated[str, Field(alias="from")]
    to: str
    amount: str
    converted: str
    rate: str
    mid: str
    spread_bps: int
    source: str
    as_of: str
    config_revision: str


class QuoteAnswer(BaseModel):
    """A promise until `expires_at`; `quote` is the signed token that a payment carries."""

    quote_id: str
    quote: str
    source_currency: str
    destination_currency: str
    source_amount: str
    destination_amount: str
    mid: str
    spread_bps: int
    rate: str
    source: str
    as_of: str
    expires_at: str
    config_revision: str


class ListedRate(BaseModel):
    """The rate in force of a pair that a source quotes; `stale` is older than its source allows."""

    base: str
    quote: str
    mid: str
    spread_bps: int
    source: str
    as_of: str
    age_seconds: int
    stale: bool


class SourceHealth(BaseModel):
    """A rate source, and what was wrong with its last answer."""

    name: str
    type: str
    healthy: bool
    error: str | None
    as_of: str | None


class RatesAnswer(BaseModel):
    """Every pair that is quoted, and the sources behind them."""

    rates: list[ListedRate]
    config_revision: str
    last_edit: LastEdit | None
    sources: list[SourceHealth]


class BatchAnswer(BaseModel):
    """The results, in the order of the items."""

    results: list[QuoteResult]
