"""Makes events of deposits, which the wallet makes: read from its chains, a few seconds later.

The wallet tells nobody, and no deposit waits for this. How far each chain was read is stored with
the events, in one transaction: each deposit has one event, whichever replica reads it.
"""

from functools import partial

from kurs.data.database import Database
from payments.chains import Chains, read_on
from payments.feed import EventFeed
from payments.store import deposits
from payments.store.deposits import Deposit


class Deposits:
    """Reads on from where it was left, at each look."""

    def __init__(self, database: Database, chains: Chains, feed: EventFeed) -> None:
        self._database = database
        self._chains = chains
        self._feed = feed

    async def look(self) -> None:
        """Append an event for each deposit that was made since the last look."""
        cursors = await self._database.read(deposits.cursors)
        ends = await self._chains.ends()
        for chain, end in ends:
            place = cursors.get(chain, 0)
            if place > end:
                await self._database.write(partial(deposits.move, chain=chain, after=place, to=end))
        await read_on(ends, cursors, self._read)

    async def _read(self, chain: int, after: int) -> int:
        """Take in a page and return the last link; `after` if there is none, or another has it."""
        page = await self._chains.deposits(chain, after)
        if page is None:
            return after
        until, made = page.until, [Deposit(**dict(each)) for each in page.deposits]
        moved = await self._database.write(
            partial(deposits.record, chain=chain, after=after, until=until, made=made)
        )
        if moved and made:
            self._feed.wake()
        return until if moved else after
