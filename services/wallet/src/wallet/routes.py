"""The routes that merchants reach through the gateway: parse, call the service once, answer."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated

from fastapi import Header, Path, Query, Response

from kurs.kernel.caller import CallerDep, MerchantRequired
from kurs.kernel.clock import to_rfc3339
from kurs.kernel.errors import (
    CursorInvalid,
    FieldError,
    Forbidden,
    IdempotencyKeyNotTaken,
    Overloaded,
    Unavailable,
    problem_responses,
)
from kurs.kernel.ids import OwnAccountId
from kurs.web.csv_stream import DOCUMENTED, Bare, csv_answer
from kurs.web.parts import from_app
from kurs.web.routing import router
from wallet import answers
from wallet.account_reads import AccountReads
from wallet.cursors import read_cursor, write_cursor
from wallet.errors import (
    AccountBudget,
    AccountIdTaken,
    AccountNotFound,
    BalanceOverflow,
    CeilingExceeded,
    DepositConflict,
    DepositRefused,
)
from wallet.ledger_reads import LedgerReads
from wallet.schemas.public import (
    AccountAnswer,
    AccountQuery,
    AccountsAnswer,
    AccountsRequest,
    BalancesAnswer,
    DepositAnswer,
    DepositRequest,
    EntriesAnswer,
    EntryQuery,
    StatementQuery,
    TrialBalanceAnswer,
)
from wallet.service import WalletService

WalletDep = Annotated[WalletService, from_app(WalletService)]
ReadsDep = Annotated[AccountReads, from_app(AccountReads)]
LedgerDep = Annotated[LedgerReads, from_app(LedgerReads)]
AccountPath = Annotated[OwnAccountId, Path(description="An account of the caller's merchant.")]

routes = router(tags=["wallet"], responses=problem_responses(MerchantRequired, Unavailable))


@routes.post(
    "/accounts",
    summary="Open one account or many",
    response_model=AccountAnswer | list[AccountAnswer],
    responses=problem_responses(Forbidden, AccountIdTaken, CeilingExceeded, AccountBudget),
)
async def open_accounts(
    body: AccountsRequest, caller: CallerDep, wallet: WalletDep
) -> AccountAnswer | list[AccountAnswer]:
    """Open accounts, all or none; one that is open already and is the same stays as it is."""
    if isinstance(body, list):
        opened = await wallet.open_accounts(caller, body, many=True)
        return [answers.account(*each) for each in opened]
    opened = await wallet.open_accounts(caller, [body], many=False)
    return answers.account(*opened[0])


@routes.get(
    "/accounts/{account_id}", summary="An account", responses=problem_responses(AccountNotFound)
)
async def account(account_id: AccountPath, caller: CallerDep, wallet: WalletDep) -> AccountAnswer:
    """Return an account and what it is paid under."""
    return answers.account(*await wallet.payable(caller, account_id))


@routes.get(
    "/balance/{account_id}",
    summary="What an account holds",
    responses=problem_responses(AccountNotFound),
)
async def balance(account_id: AccountPath, caller: CallerDep, wallet: WalletDep) -> BalancesAnswer:
    """Return the balances of an account, one per currency that it ever had."""
    return answers.account_balances(*await wallet.balances(caller, account_id))


@routes.get("/accounts", summary="List accounts")
async def list_accounts(
    caller: CallerDep, reads: ReadsDep, query: Annotated[AccountQuery, Query()]
) -> AccountsAnswer:
    """List the merchant's accounts by name, with what they hold."""
    page, following = await reads.accounts(
        caller, prefix=query.prefix or "", after=query.cursor, limit=query.limit
    )
    items = [answers.listed_account(each) for each in page]
    return AccountsAnswer(items=items, next_cursor=following)


@routes.get(
    "/accounts/{account_id}/entries",
    summary="An account's entries, newest first",
    responses=problem_responses(AccountNotFound, CursorInvalid),
)
async def entries(
    account_id: AccountPath,
    caller: CallerDep,
    reads: ReadsDep,
    query: Annotated[EntryQuery, Query()],
) -> EntriesAnswer:
    """Return a page of the postings on an account, each with the balance after it."""
    after = read_cursor(query.cursor)
    page, behind = await reads.entries(caller, account_id, after=after, limit=query.limit)
    items = [answers.entry(line, caller) for line in page]
    archived = await reads.archived_before(caller, account_id) if behind is None else None
    return answers.entries(items, write_cursor(behind), archived)


@routes.get(
    "/accounts/{account_id}/statement.csv",
    summary="Export a statement of an account",
    response_class=Response,
    responses={**DOCUMENTED, **problem_responses(AccountNotFound, Overloaded)},
)
async def statement(
    account_id: AccountPath,
    caller: CallerDep,
    reads: ReadsDep,
    query: Annotated[StatementQuery, Query()],
    bare: Bare = None,
) -> Response:
    """Export the entries of a period as CSV, newest first, each with the balance after it.

    Where older ones were set aside, `X-Kurs-Archived-Before` says up to which moment, about.
    """
    lines = await reads.statement(caller, account_id, query.created_after, query.created_before)

    async def pages() -> AsyncIterator[list[Sequence[str]]]:
        if bare:
            return
        async for page in lines:
            yield [answers.statement_row(line, caller) for line in page]

    answer = csv_answer(f"statement-{account_id.replace(':', '-')}", answers.STATEMENT, pages())
    archived = await reads.archived_before(caller, account_id)
    if archived is not None:
        answer.headers["x-kurs-archived-before"] = to_rfc3339(archived)
    return answer


@routes.post(
    "/deposits",
    summary="Put money into an account",
    responses=problem_responses(
        IdempotencyKeyNotTaken,
        AccountNotFound,
        DepositConflict,
        CeilingExceeded,
        BalanceOverflow,
        DepositRefused,
    ),
)
async def deposit(
    body: DepositRequest,
    caller: CallerDep,
    wallet: WalletDep,
    response: Response,
    idempotency_key: Annotated[str | None, Header()] = None,
) -> DepositAnswer:
    """Deposit once, however often it is asked for under its id; an Idempotency-Key must be it."""
    if idempotency_key is not None and idempotency_key != body.deposit_id:
        hint = "send the deposit_id, or leave the header out"
        raise IdempotencyKeyNotTaken(
            "a deposit is made once by its deposit_id; another Idempotency-Key would be ignored",
            errors=[FieldError("Idempotency-Key", "it is not the deposit_id", hint)],
        )
    outcome, amount_minor = await wallet.deposit(caller, body)
    if outcome.replayed:
        response.headers["idempotent-replayed"] = "true"
    return answers.deposit(caller, body, outcome, amount_minor)


@routes.get("/ledger/trial-balance", summary="The sum of every currency over all postings")
async def trial_balance(ledger: LedgerDep) -> TrialBalanceAnswer:
    """Return the sum of each currency, which is zero."""
    sums = await ledger.currency_sums()
    return TrialBalanceAnswer(currencies=[answers.currency_total(s) for s in sums])
