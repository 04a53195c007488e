"""The use cases of merchants: open accounts, put money in, read balances and entries."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from structlog.typing import FilteringBoundLogger

from kurs.contracts.wallet import Code, TransferStatus
from kurs.data.database import Database
from kurs.kernel.accounts import is_payee_id, qualified
from kurs.kernel.caller import Caller
from kurs.kernel.clock import Clock
from kurs.kernel.errors import FieldError, Problem, Unavailable, Unprocessable
from kurs.kernel.ids import HOUSE_WORLD
from kurs.kernel.validation import past_currencies, read_amount
from kurs.telemetry.audit_log import audit
from wallet.directory import AccountDirectory, written_by
from wallet.domain.content import posting_content
from wallet.domain.deposits import ByCurrency, most
from wallet.domain.transfers import DEPOSIT, Kind, Outcome, Posting, Transfer
from wallet.errors import (
    AccountNotFound,
    BalanceOverflow,
    CeilingExceeded,
    DepositConflict,
    DepositRefused,
)
from wallet.ledger import Ledger, Submission
from wallet.opening import Budget, Opening, Payable
from wallet.schemas.public import AccountRequest, DepositRequest
from wallet.store import reports
from wallet.store.accounts import (
    Account,
    give_payee_ids,
    payee_ids,
)


@dataclass(frozen=True, slots=True)
class WalletService:
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
        """
        now = self.clock.now()
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

        opening = Opening(caller.merchant, accounts, self.budget, now, many)
        opened = await self.database.read(opening.look)
        if opened is None:
            opened = await self.database.write(opening.write)
        for account in overdrawn:
            self._audit(
                "overdraft", caller, "done",
                account_id=account.name, amounts_minor=dict(account.overdrafts),
            )  # fmt: skip
        return opened

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

    async def deposit(self, caller: Caller, deposit: DepositRequest) -> tuple[Outcome, int]:
        """Move money from the outside world to an account, of the caller's or that it names whole.

        Returns the outcome and the amount in minor units. Raises AccountNotFound,
        DepositConflict, CeilingExceeded, BalanceOverflow and DepositRefused, and Unprocessable for
        a new one in a currency of the past.
        """
        amount = read_amount(deposit.amount, deposit.currency, "amount")
        transfer = _deposit(caller, await self._receiver(caller, deposit), deposit, amount)
        past = past_currencies((("currency", deposit.currency),))
        if past is not None and not await self._is_made(transfer.transfer_id):
            raise past
        outcome = (await self.ledger.submit([Submission(transfer)]))[0]
        self._audit(
            "deposit", caller, outcome.code or ("replayed" if outcome.replayed else "done"),
            deposit_id=deposit.deposit_id, account_id=transfer.postings[1].account_id,
            currency=deposit.currency, amount_minor=amount,
        )  # fmt: skip
        if outcome.status == TransferStatus.APPLIED:
            return outcome, amount
        problem = _deposit_problem(deposit, outcome)
        if isinstance(problem, DepositRefused):
            self.log.error(
                "a deposit was refused for a reason that is not known here",
                merchant=caller.merchant, deposit_id=deposit.deposit_id,
                outcome=outcome.code or outcome.status, error=outcome.message,
            )  # fmt: skip
        raise problem

    async def _is_made(self, transfer_id: str) -> bool:
        found = await self.database.read(lambda c: reports.find_transfer(c, transfer_id))
        return found is not None

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


_TOO_MUCH: Mapping[str, type[Problem]] = {
    Code.CEILING: CeilingExceeded,
    Code.AMOUNT_OVERFLOW: BalanceOverflow,
}


def _deposit(caller: Caller, account_id: str, deposit: DepositRequest, amount: int) -> Transfer:
    merchant, currency = caller.merchant, deposit.currency
    postings = [Posting(HOUSE_WORLD, currency, -amount), Posting(account_id, currency, amount)]
    content = {
        "merchant": merchant, "kind": Kind.DEPOSIT.value,
        "account_id": account_id, "currency": currency, "amount_minor": amount,
        "postings": posting_content(postings),
    }  # fmt: skip
    return Transfer(
        transfer_id=f"{DEPOSIT}{merchant}:{deposit.deposit_id}",
        kind=Kind.DEPOSIT,
        merchant=merchant,
        content=json.dumps(content, separators=(",", ":")),
        postings=postings,
        actor=caller.actor,
    )


def _deposit_problem(deposit: DepositRequest, outcome: Outcome) -> Problem:
    """Return what a deposit that was not applied is answered; DepositRefused if it is not known."""
    if outcome.status == TransferStatus.CONFLICT:
        field = (outcome.field or "deposit_id").removesuffix("_minor")
        message = f"deposit {deposit.deposit_id} was made before with another {field}"
        hint = "repeat the first content, or use a new deposit_id"
        return DepositConflict(message, errors=[FieldError(field, message, hint)])
    if outcome.code == Code.ACCOUNT_NOT_FOUND:
        message = f"there is no account {deposit.account_id}"
        hint = "open it first, or name its merchant: merchant/account"
        return AccountNotFound(message, errors=[FieldError("account_id", message, hint)])
    if outcome.status == TransferStatus.SKIPPED:
        return Unavailable(outcome.message or "")
    too_much = _TOO_MUCH.get(outcome.code or "")
    if too_much is not None:
        error = FieldError("amount", outcome.message or "", "deposit less")
        return too_much(error.message, errors=[error])
    said = "the ledger refused the deposit for a reason that has no code here"
    hint = "send it again under the same deposit_id: it moves money once at most"
    return DepositRefused(said, errors=[FieldError("deposit_id", said, hint)])


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
