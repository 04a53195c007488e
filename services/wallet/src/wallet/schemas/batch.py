"""Bodies of the routes between services: amounts in minor units, times in microseconds.

`POST /transfers/batch` is the hottest body of the system, so it goes from bytes to models in
pydantic's core, and from there to the domain's transfers.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from kurs.contracts.batch import MAX_ITEMS, Baggage, DeadlineMs, Traceparent
from kurs.kernel.ids import AccountRef, Actor, CurrencyCode, LedgerAccountId, MerchantId, TransferId
from kurs.kernel.money import MAX_MINOR
from kurs.quotes.token import MAX_TOKEN_LENGTH, Quote
from wallet.domain.transfers import HoldTerms, Kind, Posting, Transfer
from wallet.domain.view import unbalanced
from wallet.schemas.public import MAX_ACCOUNTS, Request

MAX_CONTEXT_BYTES = 8 * 1024
# Of a quote the content has the id: transfers of releases without tokens stay what they are.
_NOT_CONTENT = {
    "transfer_id", "actor", "context", "quote", "traceparent", "baggage", "deadline_ms",
}  # fmt: skip
_FAR_FUTURE = 2**53


def _context(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError("a context is a JSON object")
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise ValueError("a context holds finite numbers only") from None
    if len(text) > MAX_CONTEXT_BYTES:
        raise ValueError(f"a context has at most {MAX_CONTEXT_BYTES} bytes of JSON")
    return text


Context = Annotated[
    str,
    BeforeValidator(_context),
    WithJsonSchema({"type": "object", "description": "Stored and given back, never compared."}),
]
_Minor = Annotated[int, Field(strict=True, ge=-MAX_MINOR, le=MAX_MINOR)]
_Token = Annotated[
    str,
    StringConstraints(max_length=MAX_TOKEN_LENGTH),
    Field(description="Signed by fx; without it no account of the house is debited."),
]
_PositiveMinor = Annotated[int, Field(strict=True, gt=0, le=MAX_MINOR)]
_Revision = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,64}$")]


class PostingItem(Request):
    """One leg: a positive amount credits the account, a negative one debits it."""

    account_id: LedgerAccountId
    currency: CurrencyCode
    amount_minor: _Minor


def _balanced(postings: list[PostingItem]) -> list[PostingItem]:
    legs = [Posting(p.account_id, p.currency, p.amount_minor) for p in postings]
    wrong = unbalanced(legs)
    if wrong:
        off = ", ".join(f"{currency} by {amount}" for currency, amount in wrong.items())
        raise ValueError(f"postings sum to zero in every currency; off: {off} minor units")
    if not any(leg.amount for leg in legs):
        raise ValueError("the postings move nothing")
    return postings


_Postings = Annotated[
    list[PostingItem], Field(min_length=2, max_length=100), AfterValidator(_balanced)
]


class BatchItem(Request):
    """What every item has. Its id is the caller's, and is used once for ever.

    It begins with the operation and the merchant that it is for, `pay:shop:`, so that no caller can
    take or burn an id of another merchant's.
    """

    OPERATIONS: ClassVar[tuple[str, ...]] = ()

    merchant: MerchantId
    transfer_id: TransferId
    config_revision: _Revision | None = None
    actor: Actor | None = Field(None, description="Who asked; stored, never compared.")
    context: Context | None = None
    traceparent: Traceparent | None = None
    baggage: Baggage | None = None
    deadline_ms: DeadlineMs | None = None

    @field_validator("transfer_id")
    @classmethod
    def _names_its_merchant(cls, transfer_id: str, info: ValidationInfo) -> str:
        operation, _, rest = transfer_id.partition(":")
        merchant = info.data.get("merchant")
        if merchant is None:
            return transfer_id
        whose, _, what = rest.partition(":")
        if operation in cls.OPERATIONS and whose == merchant and what:
            return transfer_id
        allowed = " or ".join(f"{known}:{merchant}:" for known in cls.OPERATIONS)
        raise ValueError(f"the id begins with {allowed}")


class PostItem(BatchItem):
    """Moves money at once."""

    OPERATIONS = ("pay", "refund")

    kind: Literal["post"]
    postings: _Postings
    quote_id: TransferId | None = None
    quote: _Token | None = None
    reverses: TransferId | None = Field(None, description="The transfer of which this gives back.")


class HoldItem(BatchItem):
    """Sets money aside until it is captured, voided or expires."""

    OPERATIONS = ("pay",)

    kind: Literal["hold"]
    account_id: AccountRef
    currency: CurrencyCode
    amount_minor: _PositiveMinor
    expires_at: Annotated[int, Field(strict=True, ge=0, le=_FAR_FUTURE)]
    quote_id: TransferId | None = None


class CaptureItem(BatchItem):
    """Ends a hold by postings that debit the held account; the rest is released."""

    OPERATIONS = ("capture", "approve")

    kind: Literal["capture"]
    hold_id: TransferId
    postings: _Postings
    quote: _Token | None = None


class VoidItem(BatchItem):
    """Ends a hold and releases all of it."""

    OPERATIONS = ("void", "refuse", "expire")

    kind: Literal["void"]
    hold_id: TransferId


class CancelItem(BatchItem):
    """Burns a transfer id: nothing moves, and no later transfer can use it."""

    OPERATIONS = ("pay", "refund", "capture", "approve", "void", "refuse", "expire")

    kind: Literal["cancel"]


TransferItem = Annotated[
    PostItem | HoldItem | CaptureItem | VoidItem | CancelItem, Field(discriminator="kind")
]


class TransferBatch(Request):
    """Transfers, each applied or refused alone, in order."""

    items: list[TransferItem] = Field(min_length=1, max_length=MAX_ITEMS, fail_fast=True)


class StoredTransfer(BaseModel):
    """What is stored under a transfer's id."""

    kind: str
    status: str
    code: str | None
    postings: list[PostingItem]
    quote_id: str | None
    config_revision: str | None
    context: dict[str, Any] | None
    actor: str | None


class TransferResult(BaseModel):
    """The answer to one item; absent fields are left out."""

    transfer_id: str
    status: Literal["applied", "refused", "conflict", "skipped"]
    replayed: bool
    code: str | None = None
    message: str | None = None
    field: str | None = None
    created_at: int | None = Field(None, description="Microseconds since the epoch.")
    stored: StoredTransfer | None = Field(None, description="On a replay and on a conflict.")


class BatchAnswer(BaseModel):
    """One result per item, in order."""

    results: list[TransferResult]


class AccountLookup(Request):
    """Accounts to look up, whoever owns them, as merchants name them.

    Without `merchants`, or with null, it is the id that the ledger has.
    """

    account_ids: list[LedgerAccountId] = Field(max_length=MAX_ACCOUNTS, fail_fast=True)
    merchants: list[MerchantId | None] | None = Field(
        None, max_length=MAX_ACCOUNTS, fail_fast=True, description="Who names each."
    )

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if self.merchants is not None and len(self.merchants) != len(self.account_ids):
            raise ValueError("there are as many merchants as accounts")
        return self

    @property
    def named(self) -> Iterator[tuple[str | None, str]]:
        """Who names which account."""
        merchants = self.merchants or [None] * len(self.account_ids)
        return zip(merchants, self.account_ids, strict=True)


class FoundAccount(BaseModel):
    """An account as services see it."""

    account_id: str = Field(description="`merchant/name`: the same account for ever.")
    merchant: str
    kind: str
    settlement_currency: str | None
    opened_at: int = Field(description="Microseconds since the epoch.")


class LookupAnswer(BaseModel):
    """One account per id, in order; null where there is none."""

    accounts: list[FoundAccount | None]


class ChainsAnswer(BaseModel):
    """The number of the last link of each chain; a link is one committed batch."""

    chains: dict[int, int]


class HeadAnswer(BaseModel):
    """The head of the ledger that was signed last; nothing before the first, or without a key."""

    at: str | None = None
    head: str | None = None


class ChainedTransfer(BaseModel):
    """A stored transfer, applied or refused."""

    transfer_id: str
    kind: str
    merchant: str
    created_at: int = Field(description="Microseconds since the epoch.")


class ChainAnswer(BaseModel):
    """Whole links, as many as have `limit` transfers, but always one; in order of commit."""

    until: int = Field(description="The number of the last link; `after`, when there is none.")
    transfers: list[ChainedTransfer]


BATCH: TypeAdapter[TransferBatch] = TypeAdapter(TransferBatch)
ITEM: TypeAdapter[BatchItem] = TypeAdapter(TransferItem)
LOOKUP: TypeAdapter[AccountLookup] = TypeAdapter(AccountLookup)


def to_transfer(item: BatchItem, verify: Callable[[str], Quote]) -> Transfer:
    """Return the domain's transfer of a validated item; raises what `verify` does of its quote."""
    assert isinstance(item, PostItem | HoldItem | CaptureItem | VoidItem | CancelItem)
    return Transfer(
        transfer_id=item.transfer_id,
        kind=Kind(item.kind),
        merchant=item.merchant,
        content=item.model_dump_json(exclude=_NOT_CONTENT, exclude_none=True),
        postings=_legs(item.postings) if isinstance(item, PostItem | CaptureItem) else (),
        hold=_terms(item) if isinstance(item, HoldItem) else None,
        hold_id=item.hold_id if isinstance(item, CaptureItem | VoidItem) else None,
        quote_id=item.quote_id if isinstance(item, PostItem | HoldItem) else None,
        quote=_quote(item, verify),
        reverses=item.reverses if isinstance(item, PostItem) else None,
        config_revision=item.config_revision,
        context=item.context,
        actor=item.actor,
    )


def _quote(item: BatchItem, verify: Callable[[str], Quote]) -> Quote | None:
    token = item.quote if isinstance(item, PostItem | CaptureItem) else None
    return None if token is None else verify(token)


def _legs(postings: Sequence[PostingItem]) -> list[Posting]:
    return [Posting(p.account_id, p.currency, p.amount_minor) for p in postings]


def _terms(item: HoldItem) -> HoldTerms:
    return HoldTerms(item.account_id, item.currency, item.amount_minor, item.expires_at)
