"""Reads on in the ledger: what happened there that no payment of ours tells of.

The wallet's transfers are read in the order of their commits, chain by chain, a bounded number at
each look; how far is stored with what was found, in one transaction, so that each page is taken in
once, whichever replica reads it. Nobody tells payments and nobody waits for this. Two things are
looked for:

- a transfer that no payment asked for: whoever reaches the wallet past payments leaves one. It is
  kept until its operation is there. Deposits and the release of expired holds are the wallet's own;
- a deposit, which becomes an event.
"""

from functools import partial

from kurs.contracts.wallet_reads import ChainAnswer
from kurs.data.database import Database
from kurs.kernel.clock import Clock
from kurs.telemetry import Telemetry
from payments.domain.identity import named
from payments.events.feed import EventFeed
from payments.metrics import PaymentMetrics
from payments.reconciliation.chains import Chains
from payments.store import ledger_reads
from payments.store.deposits import Deposit
from payments.store.ledger_reads import Page, Unknown

PAGES = 20
"""How many pages a look reads at most: of one each five seconds, 8,000 transfers a second."""
_RECHECKED = 100


class LedgerReader:
    """Reads on from where it was left, at each look.

    An operation is committed before its transfer is asked for, so it is there when that is seen.
    """

    def __init__(
        self,
        *,
        database: Database,
        chains: Chains,
        feed: EventFeed,
        metrics: PaymentMetrics,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._database = database
        self._chains = chains
        self._feed = feed
        self._metrics = metrics
        self._log = telemetry.logger
        self._clock = clock

    async def look(self) -> None:
        """Take in what is new, and count the transfers without a payment."""
        cursors = await self._database.read(ledger_reads.cursors)
        left = PAGES
        for chain, end in await self._chains.ends():
            place = cursors.get(chain, 0)
            if place > end:
                # A ledger that was restored is shorter than it was.
                await self._database.write(partial(ledger_reads.move, Page(chain, place, end)))
            while left and place < end:
                left -= 1
                following = await self._take(chain, place)
                if following == place:
                    break
                place = following
        await self._count_unknown()

    async def _take(self, chain: int, after: int) -> int:
        """Take in a page and return the last link; `after` if there is none, or another has it."""
        answer = await self._chains.page(chain, after)
        if answer is None:
            return after
        page = Page(
            chain,
            after,
            answer.until,
            await self._without_operation(answer),
            [Deposit(**dict(each)) for each in answer.deposits],
        )
        if not await self._database.write(partial(ledger_reads.take_in, page)):
            return after
        for transfer_id, kind, *_ in page.unknown:
            self._log.error("transfer without a payment", **named(transfer_id), kind=kind)
        if page.deposits:
            self._feed.wake()
        return page.until

    async def _without_operation(self, answer: ChainAnswer) -> list[Unknown]:
        made = {name: link.created_at for link in answer.links or () for name in link.asked}
        known = await self._database.read(lambda c: ledger_reads.known(c, made))
        now = self._clock.now()
        unknown = []
        for transfer_id in sorted(made.keys() - known):
            kind, merchant = transfer_id.partition(":")[0], named(transfer_id)["merchant"]
            unknown.append(Unknown(transfer_id, kind, merchant, made[transfer_id], now))
        return unknown

    async def _count_unknown(self) -> None:
        left = await self._database.read(ledger_reads.count_unknown)
        if left:
            left = await self._database.write(lambda c: ledger_reads.forget_known(c, _RECHECKED))
        self._metrics.unknown_transfers.set(left)
