"""Promises about refusals for want of money: each names what there was, and that was too little.

The tables of the ledger refuse an overdraft, too, whatever its rules let through: what they say is
held to a model of its own, which goes through all that was applied in the order of its writing.
"""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby

from simulation.oracle.promise import BrokenPromise
from simulation.oracle.terms import DECIMALS

Key = tuple[str, str]
"""An account, as the ledger calls it, and a currency."""
_SAID = re.compile(r"account (\S+) has (\S+) (\w+) available, (\S+) \w+ is needed")


def check_refusals(ledger: sqlite3.Connection) -> None:
    """Hold every refusal for want of money to what there was; raises BrokenPromise.

    What is written at one moment is of one batch, whose order is not kept: any may have been.
    """
    query = "SELECT account_id, currency, overdraft FROM balances WHERE overdraft IS NOT NULL"
    available = {(row[0], row[1]): row[2] for row in ledger.execute(query)}
    changes = _changes(ledger)
    transfers = ledger.execute("SELECT * FROM transfers ORDER BY rowid")
    for _, rows in groupby(transfers, key=lambda row: row["created_at"]):
        batch = list(rows)
        moved: dict[Key, list[int]] = defaultdict(list)
        for row in batch:
            for key, amount in changes[row["transfer_id"]] if row["status"] == "applied" else ():
                moved[key].append(amount)
        for row in batch:
            if row["code"] == "insufficient_funds":
                _check(row, available, moved)
        for key in available:
            available[key] += sum(moved[key])


def _check(row: sqlite3.Row, available: dict[Key, int], moved: dict[Key, list[int]]) -> None:
    key, has, needed = _read(row["merchant"], row["message"])
    possible = {available[key]}
    for amount in moved[key]:
        possible |= {had + amount for had in possible}
    if has not in possible or needed <= has:
        seen = f"{row['transfer_id']}: {row['message']}, and there are {available[key]} minor units"
        raise BrokenPromise("who is refused for want of money had too little", seen)


def _changes(ledger: sqlite3.Connection) -> dict[str, list[tuple[Key, int]]]:
    """Return what each transfer changes of what is available, in minor units."""
    found: dict[str, list[tuple[Key, int]]] = defaultdict(list)
    for name, key, amount in _moves(ledger):
        found[name].append((key, amount))
    return found


def _moves(ledger: sqlite3.Connection) -> Iterator[tuple[str, Key, int]]:
    for row in ledger.execute("SELECT transfer_id, account_id, currency, amount FROM postings"):
        yield row[0], (row[1], row[2]), row[3]
    query = "SELECT hold_id, closed_by, account_id, currency, amount FROM holds"
    for opened_by, closed_by, account, currency, amount in ledger.execute(query):
        yield opened_by, (account, currency), -amount
        if closed_by is not None:
            yield closed_by, (account, currency), amount


def _read(merchant: str, message: str) -> tuple[Key, int, int]:
    said = _SAID.fullmatch(message)
    if said is None:
        raise BrokenPromise("a refusal for want of money says how much there is", message)
    account, has, currency, needed = said.groups()
    decimals = DECIMALS[currency]
    key = (f"{merchant}/{account}", currency)
    return key, int(Decimal(has).scaleb(decimals)), int(Decimal(needed).scaleb(decimals))
