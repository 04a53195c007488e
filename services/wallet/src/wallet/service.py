"""The use cases of merchants: open accounts, put money in, read balances and entries."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection
from structlog.typing import FilteringBoundLogger

from kurs.contracts.wallet import Code, Status
from kurs.data.database import Database
from kurs.kernel.accounts import bare, is_payee_id, qualified
from kurs.kernel.caller import Caller
from kurs.kernel.clock import MICROS, Clock
from kurs.kernel.errors import FieldError, Problem, Unavailable, Unprocessable
from kurs.kernel.ids import HOUSE_WORLD
from kurs.kernel.validation import read_amount
from kurs.telemetry.audit_log import audit
from wallet.directory import AccountDirectory, written_by
from wallet.domain.content import posting_content
from wallet.domain.deposits import ByCurrency, most
from wallet.domain.transfers import Kind, Outcome, Posting, Transfer
from wallet.errors import (
    AccountBudget,
    AccountIdTaken,
    AccountNotFound,
    BalanceOverflow,
    CeilingExceeded,
    DepositConflict,
)
from wallet.ledger import Ledger, Submission
from wallet.schemas.public import AccountRequest, DepositRequest
from wallet.store import reports
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
class Wallet:
    """What the routes of merchants call."""

    database: Database
    ledger: Ledger
    directory: AccountDirectory
    clock: Clock
    log: FilteringBoundLogger
    overdraft_ceiling: ByCurrency
    budget: Budget

    async def open_accounts(
        self, caller: Caller, wanted: Sequence[AccountRequest], *, many: bool
    ) -> list[Payable]:
        """Open accounts in one transaction, all or none; those open already stay as they are.

        Raises AccountIdTaken for the first that exists with other content, AccountBudget, and for
        overdrafts Forbidden without the role `treasury` and CeilingExceeded. `many` tells how to
        name fields.

        It reads first: to repeat, or to ask for more than the budget, writes nothing.
        """
        now = self.clock.now()
        day = now // _DAY
        accounts = [
            Account(
                qualified(caller.merchant, a.account_id), caller.merchant, "customer",
                a.settlement_currency, _limits(a, f"{i}." if many else ""), now, caller.actor,
            )
            for i, a in enumerate(wanted)
        ]  # fmt: skip
        overdrawn = [account for account in accounts if account.overdrafts]
        if overdrawn:
            self._allow_overdrafts(caller, overdrawn)

        def check(stored: Sequence[Account | None]) -> None:
            for index, (ours, theirs) in enumerate(zip(accounts, stored, strict=True)):
                if theirs is not None:
                    _check_same(ours, theirs, f"{index}." if many else "")

        def look(connection: Connection) -> list[Payable] | None:
            names = {account.account_id for account in accounts}
            found = find_by_name(connection, names)
            check([found.get(account.account_id) for account in accounts])
            missing = len(names - found.keys())
            if missing:
                self._check_budget(count_opened(connection, caller.merchant, day, missing), now)
                return None
            payees = payee_ids(connection, {account.account_id for account in found.values()})
            stored = [found[account.account_id] for account in accounts]
            # One that an earlier release opened may have no payee id yet.
            if any(account.account_id not in payees for account in stored):
                return None
            return [Payable(account, payees[account.account_id]) for account in stored]

        def work(connection: Connection) -> list[Payable]:
            stored, new = open_accounts(connection, accounts)
            check(stored)
            payees = give_payee_ids(connection, {account.account_id for account in stored})
            if new:
                # Again: others of the same merchant may have opened some since it was read.
                self._check_budget(add_opened(connection, caller.merchant, day, new), now)
            return [Payable(account, payees[account.account_id]) for account in stored]

        opened = await self.database.read(look)
        if opened is None:
            opened = await self.database.write(work)
        for account in overdrawn:
            self._audit(
                "overdraft", caller, "done",
                account_id=account.name, amounts_minor=dict(account.overdrafts),
            )  # fmt: skip
        return opened

    def _check_budget(self, opened: Opened, now: int) -> None:
        if opened.whole > self.budget.whole:
            raise _over_budget(f"a merchant has at most {self.budget.whole:,} accounts")
        if opened.today > self.budget.daily:
            seconds = (_DAY - now % _DAY) // MICROS + 1
            said = f"a merchant opens at most {self.budget.daily:,} accounts a day"
            raise _over_budget(said, retry_after=seconds)

    def _allow_overdrafts(self, caller: Caller, accounts: Sequence[Account]) -> None:
        for account in accounts:
            facts = {"account_id": account.name, "amounts_minor": dict(account.overdrafts)}
            try:
                caller.require("treasury")
                _check_ceiling(account, self.overdraft_ceiling)
            except Problem as problem:
                self._audit("overdraft", caller, problem.code, **facts)
                raise

    def _audit(self, action: str, caller: Caller, outcome: str, **facts: Any) -> None:
        audit(self.log, action, actor=caller.actor, outcome=outcome, **facts)

    async def account(self, caller: Caller, account_id: str) -> Account:
        """Return an account of the caller's, or of the house for an auditor.

        Raises AccountNotFound, also for another merchant's.
        """
        account = await self._named(caller, account_id)
        if account is not None and (
            account.merchant == caller.merchant
            or (account.kind == "house" and "audit" in caller.roles)
        ):
            return account
        raise AccountNotFound(f"there is no account {account_id}")

    async def payable(self, caller: Caller, account_id: str) -> Payable:
        """Return an account as `account` does, with its payee id."""
        account = await self.account(caller, account_id)
        if account.kind == "house":
            return Payable(account, None)
        known = await self.database.read(lambda c: payee_ids(c, [account.account_id]))
        if not known:
            # Opened by an earlier release, and not asked for since.
            known = await self.database.write(lambda c: give_payee_ids(c, [account.account_id]))
        return Payable(account, known[account.account_id])

    async def _named(self, caller: Caller, account: str) -> Account | None:
        return (await self.directory.find([written_by(caller.merchant, account)]))[0]

    async def balances(
        self, caller: Caller, account_id: str
    ) -> tuple[Account, list[reports.Position]]:
        """Return an account and what it holds; raises AccountNotFound."""
        account = await self.account(caller, account_id)
        stored = account.account_id
        return account, await self.database.read(lambda c: reports.positions(c, stored))

    async def entries(
        self, caller: Caller, account_id: str, *, before: int | None, limit: int
    ) -> tuple[list[reports.Entry], int | None]:
        """Return a page of entries, newest first, and where the next begins (None: nowhere)."""
        stored = (await self.account(caller, account_id)).account_id
        found = await self.database.read(
            lambda c: reports.entries(c, stored, before=before, limit=limit + 1)
        )
        page = found[:limit]
        return page, page[-1].entry_id if len(found) > limit else None

    async def deposit(self, caller: Caller, deposit: DepositRequest) -> tuple[Outcome, int]:
        """Move money from the outside world to an account, of the caller's or that it names whole.

        Returns the outcome and the amount in minor units. Raises AccountNotFound,
        DepositConflict, CeilingExceeded and BalanceOverflow.
        """
        amount = read_amount(deposit.amount, deposit.currency, "amount")
        transfer = _deposit(caller, await self._receiver(caller, deposit), deposit, amount)
        outcome = (await self.ledger.submit([Submission(transfer)]))[0]
        self._audit(
            "deposit", caller, "replayed" if outcome.replayed else outcome.code or "done",
            deposit_id=deposit.deposit_id, account_id=transfer.postings[1].account_id,
            currency=deposit.currency, amount_minor=amount,
        )  # fmt: skip
        if outcome.status is Status.APPLIED:
            return outcome, amount
        raise _deposit_problem(deposit, outcome)

    async def _receiver(self, caller: Caller, deposit: DepositRequest) -> str:
        """Return the ledger's id of a deposit's account; of one that is not there, its name.

        The ledger refuses that one: a deposit that was made under the same id comes first. Another
        merchant's account is none to a bare name, whatever an earlier release opened.
        """
        written = deposit.account_id
        account = await self._named(caller, written)
        whole = "/" in written or is_payee_id(written)
        if account is None or not (whole or account.merchant == caller.merchant):
            return qualified(caller.merchant, written)
        return account.account_id


def _deposit(caller: Caller, account_id: str, deposit: DepositRequest, amount: int) -> Transfer:
    merchant, currency = caller.merchant, deposit.currency
    postings = [Posting(HOUSE_WORLD, currency, -amount), Posting(account_id, currency, amount)]
    content = {
        "merchant": merchant, "kind": Kind.DEPOSIT.value,
        "account_id": account_id, "currency": currency, "amount_minor": amount,
        "postings": posting_content(postings),
    }  # fmt: skip
    return Transfer(
        transfer_id=f"dep:{merchant}:{deposit.deposit_id}",
        kind=Kind.DEPOSIT,
        merchant=merchant,
        content=json.dumps(content, separators=(",", ":")),
        postings=postings,
        actor=caller.actor,
    )


def _deposit_problem(deposit: DepositRequest, outcome: Outcome) -> Exception:
    if outcome.status is Status.CONFLICT:
        field = (outcome.field or "deposit_id").removesuffix("_minor")
        message = f"deposit {deposit.deposit_id} was made before with another {field}"
        hint = "repeat the first content, or use a new deposit_id"
        return DepositConflict(message, errors=[FieldError(field, message, hint)])
    if outcome.code == Code.ACCOUNT_NOT_FOUND:
        message = f"there is no account {deposit.account_id}"
        hint = "open it first, or name its merchant: merchant/account"
        return AccountNotFound(message, errors=[FieldError("account_id", message, hint)])
    if outcome.status is Status.SKIPPED:
        return Unavailable(outcome.message or "")
    error = FieldError("amount", outcome.message or "", "deposit less")
    if outcome.code == Code.CEILING:
        return CeilingExceeded(error.message, errors=[error])
    return BalanceOverflow(error.message, errors=[error])


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


def _check_ceiling(account: Account, ceiling: ByCurrency) -> None:
    for currency, minor in account.overdrafts.items():
        if minor > most(ceiling, currency):
            said = f"above the ceiling of an overdraft in {currency}"
            error = FieldError("overdrafts", said, "agree on less")
            raise CeilingExceeded(said, errors=[error])


def _limits(account: AccountRequest, prefix: str) -> Mapping[str, int]:
    limits: dict[str, int] = {}
    for index, overdraft in enumerate(account.overdrafts):
        field = f"{prefix}overdrafts.{index}"
        if overdraft.currency in limits:
            message = f"{overdraft.currency} occurs twice"
            error = FieldError(f"{field}.currency", message, "name each currency once")
            raise Unprocessable(message, errors=[error])
        limits[overdraft.currency] = read_amount(
            overdraft.amount, overdraft.currency, f"{field}.amount"
        )
    return limits
