"""Bodies of the routes between services: amounts in minor units, times in microseconds.

`POST /transfers/batch` is the hottest body of the system, so it goes from bytes to items in
pydantic's core, and from there to the domain's transfers.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, TypeAdapter

from kurs.contracts.batch import MAX_ITEMS
from kurs.contracts.wallet import (
    CancelItem,
    CaptureItem,
    HoldItem,
    PostingItem,
    PostItem,
    TransferItem,
    TransferResult,
    VoidItem,
)
from kurs.contracts.wallet_reads import AccountLookup
from kurs.kernel.validation import RequestModel
from kurs.quotes.token import Quote
from wallet.domain.transfers import HoldTerms, Kind, Posting, Transfer

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
