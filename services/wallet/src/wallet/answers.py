"""Shapes what the domain and the store return into answers."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from kurs.contracts.batch import Misfit
from kurs.contracts.wallet import StoredTransfer
from kurs.contracts.wallet_reads import (
    ChainAnswer,
    ChainLink,
    FoundAccount,
    HeadAnswer,
    MadeDeposit,
)
from kurs.kernel.accounts import shown
from kurs.kernel.caller import Caller
from kurs.kernel.clock import to_rfc3339
from kurs.kernel.money import format_amount
from wallet.account_reads import Line, Listed
from wallet.domain.transfers import DEPOSIT, Outcome, Posting, Record
from wallet.ledger_reads import ChainPage, CurrencySum
from wallet.publication import SignedHead
from wallet.schemas.public import (
    AccountAnswer,
    BalanceAnswer,
    BalancesAnswer,
    CurrencyTotal,
    DepositAnswer,
    DepositRequest,
    EntriesAnswer,
    EntryAnswer,
    ListedAccountAnswer,
    OverdraftAnswer,
)
from wallet.store.accounts import Account
from wallet.store.reports import Position

STATEMENT = (
    "entry_id", "created_at", "kind", "payment_id", "transfer_id", "other_party", "currency",
    "amount", "balance",
)  # fmt: skip
"""The names of what `statement_row` returns."""


def transfer_result(outcome: Outcome) -> dict[str, Any]:
    """Return the answer to one item of a batch, without absent fields."""
    result: dict[str, Any] = {
        "transfer_id": outcome.transfer_id,
        "status": str(outcome.status),
        "replayed": outcome.replayed,
        "created_at": outcome.created_at,
    }
    if outcome.code is not None:
        result["code"] = outcome.code
        result["message"] = outcome.message
        if outcome.field is not None:
            result["field"] = outcome.field
    if outcome.replayed and outcome.record is not None:
        result["stored"] = stored_transfer(outcome.record)
    return result


def unreadable(misfit: Misfit) -> dict[str, Any]:
    """Return the answer to an item that cannot be read, so that nothing is known of its id."""
    given = misfit.item.get("transfer_id") if isinstance(misfit.item, dict) else None
    return {
        "transfer_id": given if isinstance(given, str) else "",
        "replayed": False,
        **misfit.result(),
    }


def stored_transfer(record: Record) -> StoredTransfer:
    """Return what is stored under a transfer's id."""
    content = json.loads(record.content)
    stored: StoredTransfer = {
        "kind": record.kind,
        "status": record.status,
        "code": record.code,
        "postings": content.get("postings", []),
        "quote_id": content.get("quote_id"),
        "config_revision": record.config_revision,
        "context": None if record.context is None else json.loads(record.context),
        "actor": record.actor,
    }
    if record.message is not None:
        stored["message"] = record.message
    return stored


def account(found: Account, payee_id: str | None) -> AccountAnswer:
    """Return an account as its merchant sees it."""
    return AccountAnswer(
        account_id=shown(found.merchant, found.account_id),
        payee_id=payee_id,
        kind=found.kind,
        settlement_currency=found.settlement_currency,
        overdrafts=[
            OverdraftAnswer(currency=currency, amount=format_amount(limit, currency))
            for currency, limit in sorted(found.overdrafts.items())
        ],
        opened_at=to_rfc3339(found.opened_at),
    )


def found_account(found: Account | None) -> FoundAccount | None:
    """Return an account as services see it, by the name that it has for all."""
    if found is None:
        return None
    return {
        "account_id": found.account_id if found.kind == "house" else found.name,
        "merchant": found.merchant,
        "kind": found.kind,
        "settlement_currency": found.settlement_currency,
        "opened_at": found.opened_at,
    }


def account_balances(found: Account, positions: Iterable[Position]) -> BalancesAnswer:
    """Return an account's balances."""
    return BalancesAnswer(
        account_id=shown(found.merchant, found.account_id),
        settlement_currency=found.settlement_currency,
        balances=_balances(positions),
    )


def _balances(positions: Iterable[Position]) -> list[BalanceAnswer]:
    return [
        BalanceAnswer(
            currency=p.currency,
            available=format_amount(p.posted - p.held + p.overdraft, p.currency),
            held=format_amount(p.held, p.currency),
            total=format_amount(p.posted, p.currency),
        )
        for p in positions
    ]


def listed_account(found: Listed) -> ListedAccountAnswer:
    """Return an account of a list."""
    shaped = account(found.account, found.payee_id)
    return ListedAccountAnswer(**dict(shaped), balances=_balances(found.positions))


def entry(line: Line, caller: Caller) -> EntryAnswer:
    """Return one entry of an account."""
    found = line.entry
    balance = None if line.balance is None else format_amount(line.balance, found.currency)
    return EntryAnswer(
        entry_id=found.entry_id,
        transfer_id=found.transfer_id,
        kind=found.kind,
        currency=found.currency,
        amount=format_amount(found.amount, found.currency),
        balance=balance,
        other_party=line.other_party,
        payment_id=_payment_of(found.transfer_id, caller.merchant),
        created_at=to_rfc3339(found.created_at),
    )


def entries(
    items: list[EntryAnswer], next_cursor: str | None, archived_before: int | None
) -> EntriesAnswer:
    """Return a page of entries; `archived_before` in microseconds."""
    archived = None if archived_before is None else to_rfc3339(archived_before)
    return EntriesAnswer(items=items, next_cursor=next_cursor, archived_before=archived)


def statement_row(line: Line, caller: Caller) -> Sequence[str]:
    """Return an entry as a line of a statement, in the order of STATEMENT."""
    shaped = entry(line, caller)
    return ["" if (value := getattr(shaped, n)) is None else str(value) for n in STATEMENT]


def _payment_of(transfer_id: str, merchant: str) -> str | None:
    kind, whose, name = (*transfer_id.split(":"), "", "")[:3]
    return name if whose == merchant and name and kind != "dep" else None


def currency_total(found: CurrencySum) -> CurrencyTotal:
    """Return one line of the trial balance."""
    return CurrencyTotal(
        currency=found.currency,
        sum=format_amount(found.total, found.currency),
        accounts=found.accounts,
        postings=found.postings,
    )


def deposit(
    caller: Caller, body: DepositRequest, outcome: Outcome, amount_minor: int
) -> DepositAnswer:
    """Return what became of a deposit."""
    return DepositAnswer(
        deposit_id=body.deposit_id,
        account_id=shown(caller.merchant, body.account_id),
        currency=body.currency,
        amount=format_amount(amount_minor, body.currency),
        status=str(outcome.status),
        created_at=to_rfc3339(outcome.created_at),
    )


def head(latest: SignedHead | None) -> HeadAnswer:
    """Return the head that was published last."""
    if latest is None:
        return HeadAnswer()
    return HeadAnswer(at=to_rfc3339(latest.at), head=latest.word)


def chained(page: ChainPage) -> ChainAnswer:
    """Return links of a chain."""
    return ChainAnswer(
        until=page.until,
        links=[ChainLink(created_at=at, asked=list(ids)) for at, ids in page.asked],
        deposits=[_made_deposit(*each) for each in page.deposits],
    )


def _made_deposit(record: Record, account: Account, posting: Posting) -> MadeDeposit:
    return MadeDeposit(
        transfer_id=record.transfer_id,
        deposit_id=record.transfer_id.removeprefix(f"{DEPOSIT}{record.merchant}:"),
        merchant=account.merchant,
        account_id=shown(account.merchant, account.name),
        amount_minor=posting.amount,
        currency=posting.currency,
        actor=record.actor,
        created_at=record.created_at,
    )
