"""The use cases of merchants: open accounts, put money in, read balances and entries."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from structlog.typing import FilteringBoundLogger

from kurs.contracts.wallet import Code, Status
from kurs.data.database import Database
from kurs.kernel.caller import Caller
from kurs.kernel.clock import Clock
from kurs.kernel.errors import FieldError, Problem, Unavailable, Unprocessable
from kurs.kernel.ids import HOUSE_WORLD
from kurs.kernel.money import InvalidAmount, parse_amount
from kurs.telemetry.audit_log import audit
from wallet.directory import AccountDirectory
from wallet.domain.content import posting_content
from wallet.domain.deposits import ByCurrency, most
from wallet.domain.transfers import Kind, Outcome, Posting, Transfer
from wallet.errors import (
    AccountIdTaken,
    AccountNotFound,
    BalanceOverflow,
    CeilingExceeded,
    DepositConflict,
)
from wallet.ledger import Ledger, Submission
from wallet.schemas.public import AccountIn, DepositIn
from wallet.store import reports
from wallet.store.accounts import Account, open_accounts


@dataclass(frozen=True, slots=True)
class Wallet:
    """What the routes of merchants call."""

    database: Database
    ledger: Ledger
    directory: AccountDirectory
    clock: Clock
    log: FilteringBoundLogger
    overdraft_ceiling: ByCurrency

    async def open_accounts(
        self, caller: Caller, wanted: Sequence[AccountIn], *, many: bool
    ) -> list[Account]:
        """Open accounts in one transaction, all or none; those open already stay as they are.

        Raises AccountIdTaken for the first that exists with other content, and for overdrafts
        Forbidden without the role `treasury` and CeilingExceeded. `many` tells how to name fields.
        """
        now = self.clock.now()
        accounts = [
            Account(
                a.account_id, caller.merchant, "customer", a.settlement_currency,
                _limits(a, f"{i}." if many else ""), now, caller.actor,
            )
            for i, a in enumerate(wanted)
        ]  # fmt: skip
        overdrawn = [account for account in accounts if account.overdrafts]
        if overdrawn:
            self._allow_overdrafts(caller, overdrawn)

        def work(connection: Connection) -> list[Account]:
            stored = open_accounts(connection, accounts)
            for index, (ours, theirs) in enumerate(zip(accounts, stored, strict=True)):
                _check_same(ours, theirs, f"{index}." if many else "")
            return stored

        opened = await self.database.write(work)
        for account in overdrawn:
            self._audit(
                "overdraft", caller, "done",
                account_id=account.account_id, amounts_minor=dict(account.overdrafts),
            )  # fmt: skip
        return opened

    def _allow_overdrafts(self, caller: Caller, accounts: Sequence[Account]) -> None:
        for account in accounts:
            facts = {"account_id": account.account_id, "amounts_minor": dict(account.overdrafts)}
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
        account = (await self.directory.find([account_id]))[0]
        if account is not None and (
            account.merchant == caller.merchant
            or (account.kind == "house" and "audit" in caller.roles)
        ):
            return account
        raise AccountNotFound(f"there is no account {account_id}")

    async def balances(
        self, caller: Caller, account_id: str
    ) -> tuple[Account, list[reports.Position]]:
        """Return an account and what it holds; raises AccountNotFound."""
        account = await self.account(caller, account_id)
        return account, await self.database.read(lambda c: reports.positions(c, account_id))

    async def entries(
        self, caller: Caller, account_id: str, *, before: int | None, limit: int
    ) -> tuple[list[reports.Entry], int | None]:
        """Return a page of entries, newest first, and where the next begins (None: nowhere)."""
        await self.account(caller, account_id)
        found = await self.database.read(
            lambda c: reports.entries(c, account_id, before=before, limit=limit + 1)
        )
        page = found[:limit]
        return page, page[-1].entry_id if len(found) > limit else None

    async def deposit(self, caller: Caller, deposit: DepositIn) -> tuple[Outcome, int]:
        """Move money from the outside world to an account of the caller's.

        Returns the outcome and the amount in minor units. Raises AccountNotFound,
        DepositConflict, CeilingExceeded and BalanceOverflow.
        """
        amount = _amount(deposit.amount, deposit.currency, "amount")
        transfer = _deposit(caller, deposit, amount)
        outcome = (await self.ledger.submit([Submission(transfer)]))[0]
        self._audit(
            "deposit", caller, "replayed" if outcome.replayed else outcome.code or "done",
            deposit_id=deposit.deposit_id, account_id=deposit.account_id,
            currency=deposit.currency, amount_minor=amount,
        )  # fmt: skip
        if outcome.status is Status.APPLIED:
            return outcome, amount
        raise _deposit_problem(deposit, outcome)


def _deposit(caller: Caller, deposit: DepositIn, amount: int) -> Transfer:
    merchant = caller.merchant
    account_id, currency = deposit.account_id, deposit.currency
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


def _deposit_problem(deposit: DepositIn, outcome: Outcome) -> Exception:
    if outcome.status is Status.CONFLICT:
        field = (outcome.field or "deposit_id").removesuffix("_minor")
        message = f"deposit {deposit.deposit_id} was made before with another {field}"
        hint = "repeat the first content, or use a new deposit_id"
        return DepositConflict(message, errors=[FieldError(field, message, hint)])
    if outcome.code == Code.ACCOUNT_NOT_FOUND:
        message = f"there is no account {deposit.account_id}"
        return AccountNotFound(message, errors=[FieldError("account_id", message, "open it first")])
    if outcome.status is Status.SKIPPED:
        return Unavailable(outcome.message or "")
    error = FieldError("amount", outcome.message or "", "deposit less")
    if outcome.code == Code.CEILING:
        return CeilingExceeded(error.message, errors=[error])
    return BalanceOverflow(error.message, errors=[error])


def _check_same(ours: Account, theirs: Account, prefix: str) -> None:
    if theirs.merchant != ours.merchant:
        field = "account_id"
    elif theirs.settlement_currency != ours.settlement_currency:
        field = "settlement_currency"
    elif theirs.overdrafts != ours.overdrafts:
        field = "overdrafts"
    else:
        return
    message = f"account {ours.account_id} is open with another {field}"
    if field == "account_id":
        message = f"the id {ours.account_id} is taken"
    error = FieldError(prefix + field, message, "use a new account_id")
    raise AccountIdTaken(message, errors=[error])


def _check_ceiling(account: Account, ceiling: ByCurrency) -> None:
    for currency, minor in account.overdrafts.items():
        if minor > most(ceiling, currency):
            said = f"above the ceiling of an overdraft in {currency}"
            error = FieldError("overdrafts", said, "agree on less")
            raise CeilingExceeded(said, errors=[error])


def _limits(account: AccountIn, prefix: str) -> Mapping[str, int]:
    limits: dict[str, int] = {}
    for index, overdraft in enumerate(account.overdrafts):
        field = f"{prefix}overdrafts.{index}"
        if overdraft.currency in limits:
            message = f"{overdraft.currency} occurs twice"
            error = FieldError(f"{field}.currency", message, "name each currency once")
            raise Unprocessable(message, errors=[error])
        limits[overdraft.currency] = _amount(
            overdraft.amount, overdraft.currency, f"{field}.amount"
        )
    return limits


def _amount(value: str, currency: str, field: str) -> int:
    try:
        return parse_amount(value, currency)
    except InvalidAmount as error:
        found = FieldError(field, error.message, error.hint)
        raise Unprocessable(f"check {field}", errors=[found]) from None
