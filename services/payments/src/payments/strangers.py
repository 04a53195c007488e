"""The other way round: looks for transfers in the ledger that no payment asked for.

Whoever reaches the wallet past payments leaves one. The wallet's transfers are read in the order of
their commits, chain by chain, a bounded number at each look; how far is kept in the database, and
so are those that were found, until their operation is there. Deposits and the release of expired
holds are the wallet's own.
"""

from collections.abc import Sequence

from kurs.calls import ServiceClient
from kurs.contracts.wallet_reads import ChainedTransfer
from kurs.data.database import Database
from kurs.kernel.clock import Clock
from kurs.telemetry import Telemetry
from payments.chains import Chains, read_on
from payments.domain.identity import named
from payments.metrics import PaymentMetrics
from payments.store import ledger_reads
from payments.store.ledger_reads import Unknown

_OWN = frozenset({"deposit", "expiry"})
_RECHECKED = 100


class Strangers:
    """Reads the wallet's chains of transfers and compares them with operations.

    An operation is committed before its transfer is asked for, so it is there when that is seen.
    """

    def __init__(
        self,
        *,
        database: Database,
        wallet: ServiceClient,
        metrics: PaymentMetrics,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._database = database
        self._chains = Chains(wallet)
        self._metrics = metrics
        self._log = telemetry.logger
        self._clock = clock

    async def look(self) -> None:
        """Compare what is new, and count the transfers without a payment."""
        cursors = await self._database.read(ledger_reads.cursors)
        await read_on(await self._chains.ends(), cursors, self._compare)
        unknown = await self._database.write(lambda c: ledger_reads.forget_known(c, _RECHECKED))
        self._metrics.unknown_transfers.set(unknown)

    async def _compare(self, chain: int, after: int) -> int:
        """Compare the next page of a chain and return the last link; `after` if there is none."""
        page = await self._chains.transfers(chain, after)
        if page is None:
            return after
        until, now = page.until, self._clock.now()
        theirs = _not_own(page.transfers)
        unknown = await self._database.write(
            lambda c: ledger_reads.record_page(c, chain, until, theirs, now)
        )
        for transfer_id, kind, *_ in unknown:
            self._log.error("transfer without a payment", **named(transfer_id), kind=kind)
        return until


def _not_own(transfers: Sequence[ChainedTransfer]) -> list[Unknown]:
    return [
        (t.transfer_id, t.kind, t.merchant, t.created_at) for t in transfers if t.kind not in _OWN
    ]
