"""What was compared of the ledger, and which of its transfers no operation asked for."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, func, select

from kurs.data.bulk import insert_rows, is_any_of, rows_with
from kurs.data.database import insert
from payments.store.tables import ledger_cursors, operations, unknown_transfers

Unknown = tuple[str, str, str, int]
"""Transfer id, kind, merchant, and when it was made, in microseconds."""


def cursors(connection: Connection) -> dict[int, int]:
    """Return the last link that was compared of each chain."""
    return {row.chain: row.link for row in connection.execute(select(ledger_cursors))}


def record_page(
    connection: Connection, chain: int, link: int, transfers: Sequence[Unknown], now: int
) -> list[Unknown]:
    """Keep the transfers that no operation has the id of, and how far was compared; return them."""
    known = _known(connection, [transfer_id for transfer_id, *_ in transfers])
    unknown = [transfer for transfer in transfers if transfer[0] not in known]
    columns = tuple(unknown_transfers.c.keys())
    rows = [(*transfer, now) for transfer in sorted(unknown)]
    insert_rows(connection, unknown_transfers, columns, rows, skip_existing=True)
    statement = insert(connection, ledger_cursors).values(chain=chain, link=link)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["chain"], set_={"link": link})
    )
    return unknown


def forget_known(connection: Connection, limit: int) -> int:
    """Forget unknown transfers whose operation is there by now, and return how many are left.

    Looks at up to `limit` of them, the oldest first.
    """
    oldest = select(unknown_transfers.c.transfer_id).order_by(unknown_transfers.c.found_at)
    ids = connection.execute(oldest.limit(limit)).scalars().all()
    known = _known(connection, ids)
    if known:
        mine = is_any_of(connection, unknown_transfers.c.transfer_id, known)
        connection.execute(delete(unknown_transfers).where(mine))
    return int(connection.execute(select(func.count()).select_from(unknown_transfers)).scalar_one())


def _known(connection: Connection, ids: Collection[str]) -> set[str]:
    if not ids:
        return set()
    return {row["operation_id"] for row in rows_with(connection, operations, "operation_id", ids)}
