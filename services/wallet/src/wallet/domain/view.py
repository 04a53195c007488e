"""The part of the ledger that one batch touches: loaded by the store, changed in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from kurs.kernel.money import MAX_MINOR
from wallet.domain.deposits import Room
from wallet.domain.transfers import Posting, Record

Key = tuple[str, str]
"""An account id and a currency."""


def is_house(account_id: str) -> bool:
    """Tell whether an account is the house's: a colon cannot occur in a customer's id."""
    return ":" in account_id


class HoldState(StrEnum):
    """`held` is open; the other three are final."""

    HELD = "held"
    CAPTURED = "captured"
    VOIDED = "voided"
    EXPIRED = "expired"


class Balance:
    """One account in one currency, in minor units, as the batch has left it so far.

    `overdraft` is None for an account of the house, which has no limit; `posted` of such an account
    is this process's stripe only, not the account's whole balance.
    """

    __slots__ = (
        "account_id", "currency", "held", "merchant", "overdraft", "posted", "stored",
    )  # fmt: skip

    def __init__(
        self,
        account_id: str,
        currency: str,
        merchant: str,
        *,
        posted: int = 0,
        held: int = 0,
        overdraft: int | None = 0,
        stored: bool = True,
    ) -> None:
        self.account_id = account_id
        self.currency = currency
        self.merchant = merchant
        self.posted = posted
        self.held = held
        self.overdraft = overdraft
        self.stored = stored

    @property
    def limited(self) -> bool:
        """Tell whether the account may not go below a limit (a customer's)."""
        return self.overdraft is not None

    @property
    def available(self) -> int:
        """Return what may still be taken; only a limited account has such a figure."""
        assert self.overdraft is not None, "a house account has no limit"
        return self.posted - self.held + self.overdraft

    def post(self, amount: int) -> None:
        """Credit (or debit, when negative) the account."""
        self.posted += amount

    def hold(self, amount: int) -> None:
        """Set aside `amount` (or give it back, when negative)."""
        self.held += amount

    def would_overflow(self, amount: int) -> bool:
        """Tell whether posting `amount` would leave what a 64-bit column holds."""
        return not -MAX_MINOR <= self.posted + amount <= MAX_MINOR


@dataclass(slots=True)
class Hold:
    """Money set aside in an account by a transfer of kind `hold`.

    `state` is a `HoldState`, or the word of a later release: whatever that is, not held here.
    """

    hold_id: str
    merchant: str
    account_id: str
    currency: str
    amount: int
    state: str
    expires_at: int
    closed_by: str | None = None

    @property
    def key(self) -> Key:
        """Return the balance that the hold weighs on."""
        return self.account_id, self.currency


@dataclass(slots=True)
class View:
    """What a batch may look at. The store fills it with everything the batch's items name.

    A key that is absent from `balances` names an account that does not exist.
    """

    balances: dict[Key, Balance] = field(default_factory=dict)
    transfers: dict[str, Record] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    used_quotes: set[str] = field(default_factory=set)
    reversals: dict[str, list[Record]] = field(default_factory=dict)
    """Applied reversals by the transfer that they reverse."""
    rooms: dict[str, Room] = field(default_factory=dict)
    """What may still come from the outside world, by currency."""


@dataclass(slots=True)
class Changes:
    """What the batch leaves to be stored."""

    transfers: list[Record] = field(default_factory=list)
    postings: list[tuple[str, Posting]] = field(default_factory=list)
    """Each with the id of its transfer."""
    touched: set[Balance] = field(default_factory=set)
    opened_holds: list[Hold] = field(default_factory=list)
    closed_holds: list[Hold] = field(default_factory=list)


def net(postings: Iterable[Posting]) -> dict[Key, int]:
    """Return the sum of `postings` per account and currency."""
    sums: dict[Key, int] = {}
    for account_id, currency, amount in postings:
        key = (account_id, currency)
        sums[key] = sums.get(key, 0) + amount
    return sums
