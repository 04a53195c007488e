"""What risk says to the services that call it."""

from enum import StrEnum
from typing import Annotated, Literal, Required

from pydantic import Field, StringConstraints
from typing_extensions import TypedDict

from kurs.contracts.batch import Envelope, Undone, strict
from kurs.kernel.ids import AccountRef, CurrencyCode, MerchantId, TransferId

SCORED = "scored"
"""The status of an item that was decided on."""

JUDGED = "judged"
"""The status of an item whose exposure was compared; `within` tells whether limits allow it."""


class Decision(StrEnum):
    """What is to become of a payment."""

    APPROVE = "approve"
    REVIEW = "review"
    DECLINE = "decline"


class Code(StrEnum):
    """Why a payment cannot be decided on."""

    DECISION_CONFLICT = "decision_conflict"
    AMOUNT_MALFORMED = "amount_malformed"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    AMOUNT_TOO_PRECISE = "amount_too_precise"
    AMOUNT_TOO_LARGE = "amount_too_large"


YEAR_10000 = 253_402_300_800_000_000
Micros = Annotated[int, Field(strict=True, ge=0, lt=YEAR_10000)]
"""Microseconds since the epoch."""


@strict
class OpenAmount(TypedDict):
    """What a merchant holds open of one currency, in minor units; a sum may exceed 64 bits."""

    currency: CurrencyCode
    amount_minor: Annotated[int, Field(strict=True, gt=0, lt=10**30)]


@strict
class ScoreItem(Envelope, total=False):
    """One payment of a batch. `payment_id` is "<merchant>:<payment_id>", `amount` in major units.

    `destination_currency` is what the destination receives (absent: not known, so every corridor is
    meant), `source_opened_at` when the source account was opened (absent: not known), `payee` the
    account that is paid as `merchant/name`, where destination_account does not say it, `exposure`
    what the merchant holds open across currencies, with this payment.
    """

    payment_id: Required[TransferId]
    merchant: Required[MerchantId]
    amount: Required[Annotated[str, StringConstraints(max_length=64)]]
    currency: Required[CurrencyCode]
    source_account: Required[AccountRef]
    destination_account: Required[AccountRef]
    destination_currency: CurrencyCode | None
    source_opened_at: Micros | None
    payee: AccountRef | None
    exposure: Annotated[list[OpenAmount], Field(max_length=200)]


@strict
class ExposureItem(Envelope, total=False):
    """What a merchant holds open across currencies, with something that is no payment.

    The currencies are those of what is asked for: a refund has those of its payment.
    """

    merchant: Required[MerchantId]
    currency: Required[CurrencyCode]
    destination_currency: CurrencyCode | None
    exposure: Required[Annotated[list[OpenAmount], Field(max_length=200)]]


class ExposureResult(Undone, total=False):
    """What became of one item: `within` tells whether the limits allow it."""

    status: Required[Literal["judged", "skipped"]]
    within: bool


class Reason(TypedDict):
    """What a rule found; `threshold` says which threshold decided and has no points."""

    rule: str
    points: int
    message: str


class ScoreResult(Undone, total=False):
    """What became of one item; `decided_at` is in microseconds since the epoch."""

    status: Required[Literal["scored", "refused", "skipped"]]
    payment_id: str
    decision: str
    score: int
    reasons: list[Reason]
    config_revision: str
    decided_at: int
