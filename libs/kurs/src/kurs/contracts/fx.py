"""What fx says to the services that call it."""

from enum import StrEnum
from typing import Annotated, Literal, Required

from pydantic import Field

from kurs.contracts.batch import Envelope, Undone, strict
from kurs.kernel.ids import MerchantId

MAX_TOKEN_LENGTH = 2048
"""The most characters of a signed quote; no work is done on a longer text."""
QUOTED = "quoted"
"""The status of an item that got a quote."""


class Code(StrEnum):
    """Why no price can be given."""

    SAME_CURRENCY = "same_currency"
    UNKNOWN_CURRENCY = "unknown_currency"
    PAIR_NOT_SUPPORTED = "pair_not_supported"
    STALE_RATE = "stale_rate"
    AMOUNT_MALFORMED = "amount_malformed"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    AMOUNT_TOO_PRECISE = "amount_too_precise"
    AMOUNT_TOO_SMALL = "amount_too_small"
    AMOUNT_TOO_LARGE = "amount_too_large"
    EXPOSURE_EXCEEDED = "exposure_exceeded"


_Word = Annotated[str, Field(max_length=64)]


@strict
class QuoteItem(Envelope, total=False):
    """One quote of a batch: exactly one of the amounts, in major units, is fixed by the caller.

    Its values are judged one by one, so that a bad one fails alone.
    """

    merchant: Required[MerchantId]
    source_currency: Required[_Word]
    destination_currency: Required[_Word]
    source_amount: _Word | None
    destination_amount: _Word | None


class QuoteResult(Undone, total=False):
    """What became of one item: `quoted` with the members of a quote, `refused` or `skipped`.

    `quote` is the signed token; what it holds is beside it in words.
    """

    status: Required[Literal["quoted", "refused", "skipped"]]
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
