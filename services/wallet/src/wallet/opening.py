"""Opening of accounts: one request, all of its accounts or none, within its merchant's budget."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from kurs.kernel.accounts import bare
from kurs.kernel.clock import MICROS
from kurs.kernel.errors import FieldError
from kurs.kernel.validation import past_currencies
from wallet.errors import AccountBudget, AccountIdTaken
from wallet.store.accounts import (
    Account,
    Opened,
    add_opened,
    count_opened,
    find_by_name,
    give_payee_ids,
    open_accounts,
    payee_ids,
)

_DAY = 86_400 * MICROS


class Budget(NamedTuple):
    """How many accounts one merchant may have, and may open within a day (UTC)."""

    whole: int
    daily: int


class Payable(NamedTuple):
    """An account with its public payee id; accounts of the house have none."""

    account: Account
    payee_id: str | None


@dataclass(frozen=True, slots=True)
class Opening:
    """What one request opens, at `now` (microseconds); `many` tells how to name fields."""

    merchant: str
    accounts: Sequence[Account]
    budget: Budget
    now: int
    many: bool

    def look(self, connection: Connection) -> list[Payable] | None:
        """Return the accounts when all are open; None when something is to be written.

        So that to repeat, or to ask for more than the budget, writes nothing. Raises as `write`.
        """
        names = {account.account_id for account in self.accounts}
        found = find_by_name(connection, names)
        self._check_same([found.get(account.account_id) for account in self.accounts])
        missing = len(names - found.keys())
        if missing:
            self._check_currencies(found)
            self._check_budget(count_opened(connection, self.merchant, self._day, missing))
            return None
        payees = payee_ids(connection, {account.account_id for account in found.values()})
        stored = [found[account.account_id] for account in self.accounts]
        # One that an earlier release opened may have no payee id yet.
        if any(account.account_id not in payees for account in stored):
            return None
        return [Payable(account, payees[account.account_id]) for account in stored]

    def write(self, connection: Connection) -> list[Payable]:
        """Open what is not open yet; raises AccountIdTaken and AccountBudget."""
        stored, new = open_accounts(connection, self.accounts)
        self._check_same(stored)
        payees = give_payee_ids(connection, {account.account_id for account in stored})
        if new:
            # Again: others of the same merchant may have opened some since it was read.
            self._check_budget(add_opened(connection, self.merchant, self._day, new))
        return [Payable(account, payees[account.account_id]) for account in stored]

    @property
    def _day(self) -> int:
        return self.now // _DAY

    def _check_same(self, stored: Sequence[Account | None]) -> None:
        for index, (ours, theirs) in enumerate(zip(self.accounts, stored, strict=True)):
            if theirs is not None:
                _check_same(ours, theirs, f"{index}." if self.many else "")

    def _check_currencies(self, found: Collection[str]) -> None:
        """Raise Unprocessable for accounts that are new, in currencies of the past."""
        past = past_currencies(
            field
            for index, account in enumerate(self.accounts)
            if account.account_id not in found
            for field in _currencies_of(account, f"{index}." if self.many else "")
        )
        if past is not None:
            raise past

    def _check_budget(self, opened: Opened) -> None:
        if opened.whole > self.budget.whole:
            raise _over_budget(f"a merchant has at most {self.budget.whole:,} accounts")
        if opened.today > self.budget.daily:
            seconds = (_DAY - self.now % _DAY) // MICROS + 1
            said = f"a merchant opens at most {self.budget.daily:,} accounts a day"
            raise _over_budget(said, retry_after=seconds)


def _currencies_of(account: Account, prefix: str) -> Iterator[tuple[str, str | None]]:
    yield f"{prefix}settlement_currency", account.settlement_currency
    for index, currency in enumerate(account.overdrafts):
        yield f"{prefix}overdrafts.{index}.currency", currency


def _check_same(ours: Account, theirs: Account, prefix: str) -> None:
    if theirs.settlement_currency != ours.settlement_currency:
        field = "settlement_currency"
    elif theirs.overdrafts != ours.overdrafts:
        field = "overdrafts"
    else:
        return
    message = f"account {bare(ours.account_id)} is open with another {field}"
    error = FieldError(prefix + field, message, "use a new account_id")
    raise AccountIdTaken(message, errors=[error])


def _over_budget(message: str, *, retry_after: int | None = None) -> AccountBudget:
    hint = "ask the operator of the gateway for more" if retry_after is None else "open it tomorrow"
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    error = FieldError("account_id", message, hint)
    return AccountBudget(message, errors=[error], headers=headers)
