"""Bodies of the routes that merchants reach: amounts in major units, times as RFC 3339."""

from typing import Annotated, Any

from pydantic import BaseModel, Discriminator, Field, Tag

from kurs.kernel.ids import (
    AccountId,
    AccountRef,
    AmountIn,
    CurrencyCode,
    DepositId,
    NewAccountId,
)
from kurs.kernel.moments import MomentIn
from kurs.kernel.validation import RequestModel

MAX_ACCOUNTS = 1_000
"""How many accounts one request may open or look up."""

_Amount = Annotated[str, Field(description="Major units, a decimal string.", examples=["188.52"])]
_Moment = Annotated[
    str, Field(description="RFC 3339, UTC.", examples=["2026-11-24T06:25:29.123456Z"])
]


class OverdraftRequest(RequestModel):
    """How far an account may go below zero in one currency."""

    currency: CurrencyCode
    amount: AmountIn


class AccountRequest(RequestModel):
    """An account to open. Opening it again with the same content changes nothing."""

    account_id: NewAccountId
    settlement_currency: CurrencyCode | None = Field(
        None, description="What incoming payments are converted to; absent: keep what is paid."
    )
    overdrafts: list[OverdraftRequest] = Field(
        default=[],
        max_length=50,
        fail_fast=True,
        description="Needs a key with the role `treasury`.",
    )


def _one_or_many(body: Any) -> str:
    return "many accounts" if isinstance(body, list) else "one account"


# The first account that is wrong is named, so that a thousand wrong ones cost no more than it.
_Many = Annotated[
    list[AccountRequest], Field(min_length=1, max_length=MAX_ACCOUNTS, fail_fast=True)
]
# The tags hold a space, so that they are left out of the field names in problem documents.
AccountsRequest = Annotated[
    Annotated[AccountRequest, Tag("one account")] | Annotated[_Many, Tag("many accounts")],
    Discriminator(_one_or_many),
]


class DepositRequest(RequestModel):
    """Money that enters an account from the outside world."""

    deposit_id: DepositId
    account_id: AccountRef
    currency: CurrencyCode
    amount: AmountIn


class OverdraftAnswer(BaseModel):
    """How far an account may go below zero in one currency."""

    currency: str
    amount: _Amount


class AccountAnswer(BaseModel):
    """An open account. Its public `payee_id` says nothing of it: who is told it can pay to it."""

    account_id: str
    payee_id: str | None
    kind: Annotated[str, Field(description="`customer` or `house`.")]
    settlement_currency: str | None
    overdrafts: list[OverdraftAnswer]
    opened_at: _Moment


class BalanceAnswer(BaseModel):
    """One currency of an account: available = total - held + overdraft."""

    currency: str
    available: _Amount
    held: _Amount
    total: _Amount


class BalancesAnswer(BaseModel):
    """An account's balances, one per currency it ever held."""

    account_id: str
    settlement_currency: str | None
    balances: list[BalanceAnswer]


class ListedAccountAnswer(AccountAnswer):
    """An account in a list, with its balances, one per currency that it ever held."""

    balances: list[BalanceAnswer]


class AccountsAnswer(BaseModel):
    """Accounts, by name; `next_cursor` is null on the last page."""

    items: list[ListedAccountAnswer]
    next_cursor: str | None


class AccountQuery(RequestModel):
    """Which accounts to list."""

    prefix: AccountId | None = Field(None, description="How the names begin.")
    cursor: AccountId | None = Field(None, description="`next_cursor` of the page before.")
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class EntryAnswer(BaseModel):
    """One posting to an account; positive is a credit.

    `balance` is the account's total of that currency after it. `other_party` is the other customer:
    the own account's name, or another merchant's public payee id.
    """

    entry_id: int
    transfer_id: str
    kind: str
    currency: str
    amount: _Amount
    balance: str | None
    other_party: str | None
    payment_id: Annotated[str | None, Field(description="The caller's payment, if it is one's.")]
    created_at: _Moment


class StatementQuery(RequestModel):
    """Which period a statement is of."""

    created_after: MomentIn | None = Field(None, description="At this moment or later.")
    created_before: MomentIn | None = Field(None, description="Before this moment.")


class EntryQuery(RequestModel):
    """Which entries of an account to list."""

    cursor: (
        Annotated[
            str,
            Field(
                pattern=r"^([0-9]{1,18}|W[A-Za-z0-9_-]{4,6000})$",
                description="`next_cursor` of the page before.",
            ),
        ]
        | None
    ) = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50


class EntriesAnswer(BaseModel):
    """Entries, newest first; `next_cursor` is null on the last page."""

    items: list[EntryAnswer]
    next_cursor: str | None
    archived_before: Annotated[
        _Moment | None,
        Field(
            description="On the last page: entries of about this moment and before were set aside "
            "and are not listed; null where none was."
        ),
    ] = None


class DepositAnswer(BaseModel):
    """An applied deposit; a repeated request gets the same answer."""

    deposit_id: str
    account_id: str
    currency: str
    amount: _Amount
    status: str
    created_at: _Moment


class CurrencyTotal(BaseModel):
    """All postings of one currency; their sum is zero, or money was made or lost."""

    currency: str
    sum: _Amount
    accounts: int
    postings: int


class TrialBalanceAnswer(BaseModel):
    """The sum of every currency over all postings."""

    currencies: list[CurrencyTotal]
