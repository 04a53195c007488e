"""What services read of the wallet: accounts, the chains of the ledger, and its signed head.

Amounts are in minor units, times in microseconds since the epoch. The wallet's answers have these
forms, and who asks reads them by these: what a later release says beside it is left unread.
"""

from collections.abc import Iterator
from typing import Self

from pydantic import BaseModel, Field, model_validator
from typing_extensions import TypedDict

from kurs.kernel.ids import LedgerAccountId, MerchantId
from kurs.kernel.validation import RequestModel

MAX_LOOKED_UP = 1_000
"""The most accounts of one lookup."""


class AccountLookup(RequestModel):
    """Accounts to look up, whoever owns them, as merchants name them.

    Without `merchants`, or with null, it is the id that the ledger has.
    """

    account_ids: list[LedgerAccountId] = Field(max_length=MAX_LOOKED_UP, fail_fast=True)
    merchants: list[MerchantId | None] | None = Field(
        None, max_length=MAX_LOOKED_UP, fail_fast=True, description="Who names each."
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


class FoundAccount(TypedDict):
    """An account as services see it; `account_id` is `merchant/name`, the same for ever."""

    account_id: str
    merchant: str
    kind: str
    settlement_currency: str | None
    opened_at: int


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


class ChainLink(BaseModel):
    """One committed batch."""

    created_at: int = Field(description="Microseconds since the epoch.")
    asked: list[str] = Field(
        description="Ids of the transfers in it that were asked for, applied or refused. Deposits "
        "and expiries of holds are the wallet's own."
    )


class ChainAnswer(BaseModel):
    """Whole links, as many as have `limit` transfers, but always one; in order of commit."""

    until: int = Field(description="The number of the last link; `after`, when there is none.")
    links: list[ChainLink] | None = Field(None, description="Null from a release before this one.")
    deposits: list[MadeDeposit] = Field([], description="The deposits that were made in them.")
    transfers: list[object] = Field([], description="Empty: a release before this one reads it.")
