"""Brings along what follows rows as they are made: sums, places in chains and feeds.

In a database that grew by itself they are near its end. Nothing runs meanwhile.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, update

from kurs.data.database import Database
from kurs.data.limits import UNHURRIED
from kurs.kernel.clock import SystemClock
from payments.store.events import last_sequence
from payments.store.tables import chain_cursors, figures_cursor
from wallet.store.chain import Tip, read_tips
from wallet.store.checkpoints import read_checkpoint
from wallet.sums import SETTLED_MICROS, LedgerSums
from webhooks.store.tables import feed

FOLLOWING = ("wallet", "payments", "webhooks")
"""Whose databases are moved."""


async def follow(urls: Mapping[str, str]) -> None:
    """Move every follower to the end of what is stored; `urls` has the services' databases."""
    opened = {name: Database.open(urls[name], limits=UNHURRIED) for name in urls}
    try:
        await _settle(opened["wallet"])
        tips = await opened["wallet"].read(read_tips)
        sequence = await opened["payments"].read(last_sequence)
        await opened["payments"].write(lambda c: _follow_payments(c, tips, sequence))
        await opened["webhooks"].write(
            lambda c: c.execute(
                update(feed).where(feed.c.sequence.is_not(None)).values(sequence=sequence)
            )
        )
    finally:
        for database in opened.values():
            await database.close()


async def _settle(database: Database) -> None:
    sums = LedgerSums(database, whole_micros=0)
    at = SystemClock().now() + SETTLED_MICROS
    kept = None
    while kept != (kept := await database.read(read_checkpoint)):
        await sums.settle(at)


def _follow_payments(connection: Connection, tips: list[Tip], sequence: int) -> None:
    connection.execute(delete(chain_cursors))
    rows = [{"chain": tip.chain, "link": tip.sequence} for tip in tips]
    connection.execute(insert(chain_cursors), rows)
    connection.execute(update(figures_cursor).values(sequence=sequence))
