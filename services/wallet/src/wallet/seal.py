"""Lists the transfers that were made before there were links in a chain of their own.

Done once, when no process of the release before runs any more: what that one stores has no link.
"""

import secrets

from sqlalchemy import Connection, insert, text

from kurs.data.database import Database
from kurs.kernel.clock import Clock
from wallet.domain.chain import HISTORY
from wallet.store import checks
from wallet.store.chain import append_link, is_sealed, read_tips, records_by_id
from wallet.store.tables import chains

_AT_ONCE = 500


async def seal(database: Database, clock: Clock, *, again: bool = False) -> int:
    """Seal all transfers that have no link, in one transaction; return how many there were.

    A ledger that is sealed, or was empty when it got its chains, stays as it is, unless `again`:
    after a rollback to a release without chains.
    """
    return await database.write(lambda c: _seal(c, clock.now(), again))


def _seal(connection: Connection, now: int, again: bool) -> int:
    if is_sealed(connection) and not again:
        return 0
    _begin_history(connection)
    checks.read_whole_tables(connection)
    # In the order of their ids: what is listed meanwhile is behind.
    query = text(checks.unlinked_query(connection) + " ORDER BY t.transfer_id")
    found = connection.execute(query.execution_options(yield_per=_AT_ONCE))
    sealed = 0
    for rows in found.partitions():
        ids = [row.transfer_id for row in rows]
        records = records_by_id(connection, ids)
        append_link(connection, HISTORY, [records[i] for i in ids], now)
        sealed += len(ids)
    append_link(connection, HISTORY, [], now)
    return sealed


def _begin_history(connection: Connection) -> None:
    """Make the chain of what has no link, in a ledger that had nothing of it; for the owner."""
    if all(tip.chain != HISTORY for tip in read_tips(connection)):
        genesis = secrets.token_hex(32)
        row = {"chain": HISTORY, "sequence": 0, "hash": genesis, "genesis": genesis}
        connection.execute(insert(chains).values(row))
