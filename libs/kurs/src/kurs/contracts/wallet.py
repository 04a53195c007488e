"""What services ask the wallet to do, and what it answers: amounts in minor units, times in
microseconds since the epoch. What they only read of it is in `wallet_reads`.
"""

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, NotRequired, Required

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import to_json
from typing_extensions import TypedDict

from kurs.contracts.batch import Envelope, Undone, strict
from kurs.contracts.fx import MAX_TOKEN_LENGTH
from kurs.kernel.ids import AccountRef, Actor, CurrencyCode, LedgerAccountId, MerchantId, TransferId
from kurs.kernel.money import MAX_MINOR

MAX_CONTEXT_BYTES = 8 * 1024
_FAR_FUTURE = 2**53


class TransferStatus(StrEnum):
    """How the ledger answered. `applied` and `refused` are stored; the others leave no trace."""

    APPLIED = "applied"
    REFUSED = "refused"
    CONFLICT = "conflict"
    SKIPPED = "skipped"


class Code(StrEnum):
    """Why a transfer was refused, or is none."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    ACCOUNT_NOT_FOUND = "account_not_found"
    AMOUNT_OVERFLOW = "amount_overflow"
    QUOTE_ALREADY_USED = "quote_already_used"
    QUOTE_EXPIRED = "quote_expired"
    QUOTE_MISMATCH = "quote_mismatch"
    HOUSE_DEBIT_FORBIDDEN = "house_debit_forbidden"
    HOLD_NOT_FOUND = "hold_not_found"
    HOLD_EXPIRED = "hold_expired"
    HOLD_CLOSED = "hold_closed"
    CAPTURE_EXCEEDS_HOLD = "capture_exceeds_hold"
    CAPTURE_WITHOUT_DEBIT = "capture_without_debit"
    ORIGINAL_NOT_FOUND = "original_not_found"
    REVERSAL_EXCEEDS_ORIGINAL = "reversal_exceeds_original"
    CANCELLED = "cancelled"
    ID_REUSED = "transfer_id_reused"
    NOT_DUE = "not_due"
    CEILING = "ceiling_exceeded"


HOLD_GONE = frozenset({Code.HOLD_EXPIRED, Code.HOLD_CLOSED})
"""The hold was released by its expiry, or ended otherwise."""


def _context(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("a context is a JSON object")
    written = to_json(value, inf_nan_mode="constants")
    if (b"NaN" in written or b"Infinity" in written) and not _is_finite(value):
        raise ValueError("a context holds finite numbers only")
    if len(written) > MAX_CONTEXT_BYTES:
        raise ValueError(f"a context has at most {MAX_CONTEXT_BYTES} bytes of JSON")
    return written.decode()


def _is_finite(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


Context = Annotated[
    Any,
    BeforeValidator(_context),
    WithJsonSchema({"type": "object", "description": "Stored and given back, never compared."}),
]
"""A JSON object of the caller's own; the wallet reads it as its text."""
_Minor = Annotated[int, Field(strict=True, ge=-MAX_MINOR, le=MAX_MINOR)]
_PositiveMinor = Annotated[int, Field(strict=True, gt=0, le=MAX_MINOR)]
_Moment = Annotated[int, Field(strict=True, ge=0, le=_FAR_FUTURE)]
_Revision = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,64}$")]
_Token = Annotated[
    str,
    StringConstraints(max_length=MAX_TOKEN_LENGTH),
    Field(description="Signed by fx; without it no account of the house is debited."),
]


@strict
class PostingItem(TypedDict):
    """One posting: a positive amount credits the account, a negative one debits it."""

    account_id: LedgerAccountId
    currency: CurrencyCode
    amount_minor: _Minor


def unbalanced(legs: Iterable[tuple[str, int]]) -> Mapping[str, int]:
    """Return the currencies whose amounts do not sum to zero, with their sums."""
    sums: dict[str, int] = {}
    for currency, amount in legs:
        sums[currency] = sums.get(currency, 0) + amount
    if not any(sums.values()):
        return {}
    return {currency: amount for currency, amount in sums.items() if amount}


def _balanced(legs: list[PostingItem]) -> list[PostingItem]:
    wrong = unbalanced([(leg["currency"], leg["amount_minor"]) for leg in legs])
    if wrong:
        off = ", ".join(f"{currency} by {amount}" for currency, amount in wrong.items())
        raise ValueError(f"postings sum to zero in every currency; off: {off} minor units")
    if not any(leg["amount_minor"] for leg in legs):
        raise ValueError("the postings move nothing")
    return legs


_Legs = Annotated[list[PostingItem], Field(min_length=2, max_length=100), AfterValidator(_balanced)]


def _named(*operations: str) -> AfterValidator:
    """Hold an id to the operation and the merchant that it is for, `pay:shop:`.

    So no caller can take or burn an id of another merchant's.
    """

    def check(transfer_id: str, info: ValidationInfo) -> str:
        operation, _, rest = transfer_id.partition(":")
        merchant = info.data.get("merchant")
        if merchant is None:
            return transfer_id
        whose, _, what = rest.partition(":")
        if operation in operations and whose == merchant and what:
            return transfer_id
        allowed = " or ".join(f"{known}:{merchant}:" for known in operations)
        raise ValueError(f"the id begins with {allowed}")

    return AfterValidator(check)


class _Transfer(Envelope, total=False):
    """What every item has. Its id is the caller's, and is used once for ever."""

    merchant: Required[MerchantId]
    config_revision: _Revision | None
    actor: Annotated[Actor | None, Field(description="Who asked; stored, never compared.")]
    context: Context | None


@strict
class PostItem(_Transfer, total=False):
    """Moves money at once. `reverses` is the transfer of which this gives back."""

    transfer_id: Required[Annotated[TransferId, _named("pay", "refund")]]
    kind: Required[Literal["post"]]
    postings: Required[_Legs]
    quote_id: TransferId | None
    quote: _Token | None
    reverses: TransferId | None


@strict
class HoldItem(_Transfer, total=False):
    """Sets money aside until it is captured, voided or expires."""

    transfer_id: Required[Annotated[TransferId, _named("pay")]]
    kind: Required[Literal["hold"]]
    account_id: Required[AccountRef]
    currency: Required[CurrencyCode]
    amount_minor: Required[_PositiveMinor]
    expires_at: Required[_Moment]
    quote_id: TransferId | None


@strict
class CaptureItem(_Transfer, total=False):
    """Ends a hold by postings that debit the held account; the rest is released."""

    transfer_id: Required[Annotated[TransferId, _named("capture", "approve")]]
    kind: Required[Literal["capture"]]
    hold_id: Required[TransferId]
    postings: Required[_Legs]
    quote: _Token | None


@strict
class VoidItem(_Transfer, total=False):
    """Ends a hold and releases all of it."""

    transfer_id: Required[Annotated[TransferId, _named("void", "refuse", "expire")]]
    kind: Required[Literal["void"]]
    hold_id: Required[TransferId]


@strict
class CancelItem(_Transfer, total=False):
    """Burns a transfer id: nothing moves, and no later transfer can use it."""

    transfer_id: Required[
        Annotated[
            TransferId,
            _named("pay", "refund", "capture", "approve", "void", "refuse", "expire"),
        ]
    ]
    kind: Required[Literal["cancel"]]


TransferItem = Annotated[
    PostItem | HoldItem | CaptureItem | VoidItem | CancelItem, Field(discriminator="kind")
]


class StoredTransfer(TypedDict):
    """What is stored under a transfer's id."""

    kind: str
    status: str
    code: str | None
    message: NotRequired[str | None]
    postings: list[PostingItem]
    quote_id: str | None
    config_revision: str | None
    context: dict[str, Any] | None
    actor: str | None


class TransferResult(Undone, total=False):
    """The answer to one item. `stored` is there on a replay and on a conflict."""

    transfer_id: Required[str]
    status: Required[TransferStatus]
    replayed: Required[bool]
    created_at: int
    stored: StoredTransfer
