"""The routes that merchants reach through the gateway."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from kurs.kernel.accounts import shown
from kurs.kernel.caller import CallerDep, MerchantRequired
from kurs.kernel.clock import to_rfc3339
from kurs.kernel.errors import Forbidden, Unavailable, problem_responses
from kurs.kernel.ids import OwnAccountId
from kurs.kernel.money import format_amount
from kurs.web.routing import router
from wallet import answers
from wallet.errors import (
    AccountBudget,
    AccountIdTaken,
    AccountNotFound,
    BalanceOverflow,
    CeilingExceeded,
    DepositConflict,
)
from wallet.schemas.public import (
    AccountBalances,
    AccountOut,
    AccountsIn,
    DepositIn,
    DepositOut,
    EntryPage,
    EntryQuery,
    TrialBalance,
)
from wallet.service import Wallet
from wallet.store import reports

AccountPath = Annotated[OwnAccountId, Path(description="An account of the caller's merchant.")]
_MERCHANT = problem_responses(MerchantRequired, Unavailable)


def merchant_routes(wallet: Wallet) -> APIRouter:
    """Return the routes over one wallet."""
    routes = router(tags=["wallet"], responses=_MERCHANT)
    _add_accounts(routes, wallet)
    _add_reads(routes, wallet)
    _add_deposits(routes, wallet)
    _add_trial_balance(routes, wallet)
    return routes


def _add_accounts(routes: APIRouter, wallet: Wallet) -> None:
    @routes.post(
        "/accounts",
        summary="Open one account or many",
        response_model=AccountOut | list[AccountOut],
        responses=problem_responses(Forbidden, AccountIdTaken, CeilingExceeded, AccountBudget),
    )
    async def open_accounts(body: AccountsIn, caller: CallerDep) -> AccountOut | list[AccountOut]:
        if isinstance(body, list):
            opened = await wallet.open_accounts(caller, body, many=True)
            return [answers.account(*each) for each in opened]
        opened = await wallet.open_accounts(caller, [body], many=False)
        return answers.account(*opened[0])

    @routes.get(
        "/accounts/{account_id}", summary="An account", responses=problem_responses(AccountNotFound)
    )
    async def account(account_id: AccountPath, caller: CallerDep) -> AccountOut:
        return answers.account(*await wallet.payable(caller, account_id))


def _add_reads(routes: APIRouter, wallet: Wallet) -> None:
    @routes.get(
        "/balance/{account_id}",
        summary="What an account holds",
        responses=problem_responses(AccountNotFound),
    )
    async def balance(account_id: AccountPath, caller: CallerDep) -> AccountBalances:
        return answers.account_balances(*await wallet.balances(caller, account_id))

    @routes.get(
        "/accounts/{account_id}/entries",
        summary="An account's entries, newest first",
        responses=problem_responses(AccountNotFound),
    )
    async def entries(
        account_id: AccountPath,
        caller: CallerDep,
        query: Annotated[EntryQuery, Query()],
    ) -> EntryPage:
        before = None if query.cursor is None else int(query.cursor)
        page, following = await wallet.entries(caller, account_id, before=before, limit=query.limit)
        return EntryPage(
            items=[answers.entry(e) for e in page],
            next_cursor=None if following is None else str(following),
        )


def _add_deposits(routes: APIRouter, wallet: Wallet) -> None:
    @routes.post(
        "/deposits",
        summary="Put money into an account",
        responses=problem_responses(
            AccountNotFound, DepositConflict, CeilingExceeded, BalanceOverflow
        ),
    )
    async def deposit(body: DepositIn, caller: CallerDep, response: Response) -> DepositOut:
        outcome, amount = await wallet.deposit(caller, body)
        if outcome.replayed:
            response.headers["idempotent-replayed"] = "true"
        return DepositOut(
            deposit_id=body.deposit_id,
            account_id=shown(caller.merchant, body.account_id),
            currency=body.currency,
            amount=format_amount(amount, body.currency),
            status=outcome.status.value,
            created_at=to_rfc3339(outcome.created_at),
        )


def _add_trial_balance(routes: APIRouter, wallet: Wallet) -> None:
    @routes.get("/ledger/trial-balance", summary="The sum of every currency over all postings")
    async def trial_balance(_: Request) -> TrialBalance:
        sums = await wallet.database.read(reports.currency_sums)
        return TrialBalance(currencies=[answers.currency_total(s) for s in sums])
