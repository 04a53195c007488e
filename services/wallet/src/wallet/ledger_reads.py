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

    async def chained(self, chain: int, after: int, limit: int) -> tuple[list[Record], int]:
        """Return the transfers of a chain's links after link `after`, and the last link of them."""
        return await self.database.read(lambda c: chain_store.records_after(c, chain, after, limit))

    async def deposits(self, chain: int, after: int, limit: int) -> tuple[list[Deposit], int]:
        """Return the deposits of a chain's links after link `after`, and the last link of them."""
        return await self.database.read(lambda c: _deposits(c, chain, after, limit))


def _deposits(
    connection: Connection, chain: int, after: int, limit: int
) -> tuple[list[Deposit], int]:
    records, until = chain_store.deposits_after(connection, chain, after, limit)
    made = [(record, postings_of(record)[1]) for record in records]
    accounts = find_by_name(connection, {posting.account_id for _, posting in made})
    known = [
        Deposit(record, accounts[posting.account_id], posting)
        for record, posting in made
        if posting.account_id in accounts
    ]
    return known, until
