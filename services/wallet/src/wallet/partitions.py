"""Keeps room ahead of the tables that PostgreSQL cuts: an insert beyond the last one would fail."""

from functools import partial

from kurs.data.database import Database
from kurs.data.partitions import AHEAD, extend, room_of
from wallet.metrics import WalletMetrics

TABLES = ("postings",)


async def keep_room(database: Database, metrics: WalletMetrics) -> None:
    """Make partitions ahead where too few are, and report how many there are.

    Where none can be made they are fewer, and so they are reported first.
    """
    for table in TABLES:
        gauge = metrics.partitions_ahead.labels(table)
        ahead = await database.read(partial(room_of, table=table))
        if ahead is None:
            continue  # It is still one piece: `migrate` has not come to it.
        gauge.set(ahead)
        if ahead < AHEAD:
            await database.write(partial(extend, table=table))
            made = await database.read(partial(room_of, table=table))
            gauge.set(made or 0)
