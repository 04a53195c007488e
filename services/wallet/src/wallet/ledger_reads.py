"""Reads of the whole ledger, for auditors and other services."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from kurs.data.database import Database
from wallet.domain.content import postings_of
from wallet.domain.evaluate import stored_outcome
from wallet.domain.transfers import Outcome, Posting, Record
from wallet.errors import TransferNotFound
from wallet.store import chain as chain_store
from wallet.store import reports
from wallet.store.accounts import Account, find_by_name
from wallet.store.chain import Tip
from wallet.store.reports import account_counts
from wallet.sums import all_sums


class CurrencySum(NamedTuple):
    """All postings of one currency: their sum in minor units (0, always), and their number."""

    currency: str
    total: int
    accounts: int
    postings: int


class Deposit(NamedTuple):
    """A deposit that was made, with the account that it went to."""

    record: Record
    account: Account
    posting: Posting


class ChainPage(NamedTuple):
    """Links of a chain up to and with number `until`.

    Of each when it was made, in microseconds, and the ids in it that the wallet was asked for.
    """

    until: int
    asked: Sequence[tuple[int, Sequence[str]]]
    deposits: Sequence[Deposit]


@dataclass(frozen=True, slots=True)
class LedgerReads:
    """What whoever may see every account is told."""

    database: Database

    async def currency_sums(self) -> Sequence[CurrencySum]:
        """Return the sum of every currency over all postings: zero, each of them."""
        found, accounts = await self.database.read(lambda c: (all_sums(c), account_counts(c)))
        return [
            CurrencySum(currency, each.total, accounts.get(currency, 0), each.postings)
            for currency, each in sorted(found.items())
        ]

    async def transfer(self, transfer_id: str) -> Outcome:
        """Return what is stored under a transfer's id; raises TransferNotFound."""
        record = await self.database.read(lambda c: reports.find_transfer(c, transfer_id))
        if record is None:
            raise TransferNotFound(f"there is no transfer {transfer_id}")
        return stored_outcome(record)

    async def chain_tips(self) -> Sequence[Tip]:
        """Return where each chain ends."""
        return await self.database.read(chain_store.read_tips)

    async def chained(self, chain: int, after: int, limit: int) -> ChainPage:
        """Return what was committed to a chain after link `after`, whole links at a time."""
        return await self.database.read(lambda c: _chain_page(c, chain, after, limit))


def _chain_page(connection: Connection, chain: int, after: int, limit: int) -> ChainPage:
    page = chain_store.page_after(connection, chain, after, limit)
    made = [(record, postings_of(record)[1]) for record in page.deposits]
    accounts = find_by_name(connection, {posting.account_id for _, posting in made})
    known = [
        Deposit(record, accounts[posting.account_id], posting)
        for record, posting in made
        if posting.account_id in accounts
    ]
    return ChainPage(page.until, page.asked, known)
