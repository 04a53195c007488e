"""How far the ledger was read, which of its transfers no operation asked for, and its deposits."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from kurs.data.bulk import any_of, fetch, insert_rows, is_any_of
from payments.store.deposits import Deposit, record_deposits
from payments.store.tables import chain_cursors, unknown_transfers

_OPERATIONS = "SELECT operation_id FROM operations WHERE operation_id"


class Unknown(NamedTuple):
    """A transfer that no operation has the id of; times in microseconds since the epoch."""

    transfer_id: str
    kind: str
    merchant: str
    created_at: int
    found_at: int


class Page(NamedTuple):
    """What was read of a chain after link `after`, up to and with link `until`."""

    chain: int
    after: int
    until: int
    unknown: Sequence[Unknown] = ()
    deposits: Sequence[Deposit] = ()


def cursors(connection: Connection) -> dict[int, int]:
    """Return the last link that was read of each chain."""
    return {row.chain: row.link for row in connection.execute(select(chain_cursors))}


def take_in(page: Page, connection: Connection) -> bool:
    """Store what was found and how far was read; False, and nothing, when another replica did."""
    if not move(page, connection):
        return False
    insert_rows(connection, unknown_transfers, Unknown._fields, page.unknown, skip_existing=True)
    record_deposits(connection, page.deposits)
    return True


def move(page: Page, connection: Connection) -> bool:
    """Go on from `after` to `until`; False when another replica has moved meanwhile."""
    at = chain_cursors.c
    row = (page.chain, page.after)
    insert_rows(connection, chain_cursors, ("chain", "link"), [row], skip_existing=True)
    there = (at.chain == page.chain) & (at.link == page.after)
    moved = connection.execute(update(chain_cursors).where(there).values(link=page.until))
    return bool(moved.rowcount)


def known(connection: Connection, ids: Collection[str]) -> set[str]:
    """Return which of these are ids of operations."""
    if not ids:
        return set()
    query = f"{_OPERATIONS} {any_of(connection.dialect.name)}"
    return {row[0] for row in fetch(connection, query, ids)}


def count_unknown(connection: Connection) -> int:
    """Return how many transfers without an operation are kept."""
    return int(connection.execute(select(func.count()).select_from(unknown_transfers)).scalar_one())


def forget_known(connection: Connection, limit: int) -> int:
    """Forget unknown transfers whose operation is there by now, and return how many are left.

    Looks at up to `limit` of them, the oldest first.
    """
    oldest = select(unknown_transfers.c.transfer_id).order_by(unknown_transfers.c.found_at)
    found = known(connection, connection.execute(oldest.limit(limit)).scalars().all())
    if found:
        mine = is_any_of(connection, unknown_transfers.c.transfer_id, found)
        connection.execute(delete(unknown_transfers).where(mine))
    return count_unknown(connection)
