"""Bodies of the routes between services: amounts in minor units, times in microseconds.

`POST /transfers/batch` is the hottest body of the system, so it goes from bytes to items in
pydantic's core, and from there to the domain's transfers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel, Field, TypeAdapter, model_validator

from kurs.contracts.batch import MAX_ITEMS
from kurs.contracts.wallet import (
    CancelItem,
    CaptureItem,
    FoundAccount,
    HoldItem,
    PostingItem,
    PostItem,
    TransferItem,
    TransferResult,
    VoidItem,
)
from kurs.kernel.ids import LedgerAccountId, MerchantId
from kurs.kernel.validation import RequestModel
from kurs.quotes.token import Quote
from wallet.domain.transfers import HoldTerms, Kind, Posting, Transfer
from wallet.schemas.public import MAX_ACCOUNTS

# Of a quote the content has the id: transfers of releases without tokens stay what they are.
_NOT_CONTENT = {
    "transfer_id", "actor", "context", "quote", "traceparent", "baggage", "deadline_ms",
}  # fmt: skip


class TransferBatch(RequestModel):
    """Transfers, each applied or refused alone, in order."""

    items: list[TransferItem] = Field(min_length=1, max_length=MAX_ITEMS, fail_fast=True)


class BatchAnswer(BaseModel):
    """One result per item, in order."""

    results: list[TransferResult]


class AccountLookup(RequestModel):
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


class MadeDeposit(BaseModel):
    """A deposit that was made. `merchant` is whose the account is, `account_id` its name there."""

    transfer_id: str
    deposit_id: str
    merchant: str
    account_id: str
    amount_minor: int
    currency: str
    actor: str | None
    created_at: int = Field(description="Microseconds since the epoch.")


class DepositsAnswer(BaseModel):
    """The deposits in whole links, as many as have `limit` transfers of any kind."""

    until: int = Field(description="The number of the last link; `after`, when there is none.")
    deposits: list[MadeDeposit]


BATCH: TypeAdapter[TransferBatch] = TypeAdapter(TransferBatch)
ITEM: TypeAdapter[TransferItem] = TypeAdapter(TransferItem)
LOOKUP: TypeAdapter[AccountLookup] = TypeAdapter(AccountLookup)


_CONTENT: Mapping[str, TypeAdapter[Any]] = {
    "post": TypeAdapter(PostItem),
    "hold": TypeAdapter(HoldItem),
    "capture": TypeAdapter(CaptureItem),
    "void": TypeAdapter(VoidItem),
    "cancel": TypeAdapter(CancelItem),
}


def to_transfer(item: TransferItem, verify: Callable[[str], Quote]) -> Transfer:
    """Return the domain's transfer of a validated item; raises what `verify` does of its quote."""
    transfer = Transfer(
        transfer_id=item["transfer_id"],
        kind=Kind(item["kind"]),
        merchant=item["merchant"],
        content=_content(item),
        config_revision=item.get("config_revision"),
        context=item.get("context"),
        actor=item.get("actor"),
    )
    if item["kind"] == "post" or item["kind"] == "capture":
        transfer.postings = _legs(item["postings"])
        token = item.get("quote")
        transfer.quote = None if token is None else verify(token)
    if item["kind"] == "capture" or item["kind"] == "void":
        transfer.hold_id = item["hold_id"]
    if item["kind"] == "post" or item["kind"] == "hold":
        transfer.quote_id = item.get("quote_id")
    if item["kind"] == "post":
        transfer.reverses = item.get("reverses")
    if item["kind"] == "hold":
        transfer.hold = _terms(item)
    return transfer


def _content(item: TransferItem) -> str:
    """Return what makes two requests the same: the text that earlier releases stored, too."""
    written = _CONTENT[item["kind"]].dump_json(item, exclude=_NOT_CONTENT, exclude_none=True)
    return written.decode()


def _legs(postings: Sequence[PostingItem]) -> list[Posting]:
    return [Posting(p["account_id"], p["currency"], p["amount_minor"]) for p in postings]


def _terms(item: HoldItem) -> HoldTerms:
    return HoldTerms(item["account_id"], item["currency"], item["amount_minor"], item["expires_at"])
