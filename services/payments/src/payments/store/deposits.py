"""Deposits as far as the wallet's chains were read, each with its event."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from kurs.data.bulk import insert_rows, is_any_of
from payments.domain.event_types import DEPOSIT, DEPOSITED, OUTSIDE
from payments.store.event_order import append_events
from payments.store.tables import deposits


class Deposit(NamedTuple):
    """A deposit that was made to an account of a merchant; times in microseconds.

    `transfer_id` is the wallet's; `actor` is who made it, perhaps of another merchant, None where
    a release did not keep that.
    """

    transfer_id: str
    deposit_id: str
    merchant: str
    account_id: str
    amount_minor: int
    currency: str
    actor: str | None
    created_at: int


def record_deposits(connection: Connection, made: Sequence[Deposit]) -> None:
    """Store deposits that are new, each with its event."""
    known = by_transfer(connection, [each.transfer_id for each in made])
    new = [each for each in made if each.transfer_id not in known]
    if new:
        insert_rows(connection, deposits, Deposit._fields, new)
        append_events(connection, [_event_row(each) for each in new])


def by_transfer(connection: Connection, ids: Collection[str]) -> Mapping[str, Deposit]:
    """Return the deposits that these transfers are."""
    if not ids:
        return {}
    query = select(deposits).where(is_any_of(connection, deposits.c.transfer_id, list(ids)))
    return {row.transfer_id: Deposit(*row) for row in connection.execute(query)}


def _event_row(made: Deposit) -> Sequence[object]:
    moved = (OUTSIDE, DEPOSITED, DEPOSIT, made.actor or "", made.created_at)
    return (made.transfer_id, made.merchant, *moved, None, None)
