"""What the wallet does by itself: release expired holds, and sum the ledger up."""

from collections import Counter

from sqlalchemy import Connection

from kurs.clock import MICROS, Clock
from kurs.database import Database
from wallet.domain.transfers import Kind, Transfer
from wallet.ledger import Ledger, Submission
from wallet.metrics import WalletMetrics
from wallet.store import reports

_EXPIRY_BATCH = 200
# No transaction stays open this long, so postings older than this are all visible.
_SETTLED_MICROS = 300 * MICROS
_WHOLE_MICROS = 3_600 * MICROS


async def release_expired(database: Database, ledger: Ledger, clock: Clock) -> int:
    """Release up to 200 holds whose time has passed; returns how many there were.

    An expiry is a transfer like any other, with the id `expire:<hold_id>`: when several processes
    see the same hold, one applies it and the others find it done.
    """
    now = clock.now()
    due = await database.read(lambda c: reports.due_holds(c, now, _EXPIRY_BATCH))
    if due:
        await ledger.submit([Submission(_expiry(hold_id, merchant)) for hold_id, merchant in due])
    return len(due)


def _expiry(hold_id: str, merchant: str) -> Transfer:
    return Transfer(
        transfer_id=f"expire:{hold_id}",
        kind=Kind.EXPIRY,
        merchant=merchant,
        content=f'{{"kind":"{Kind.EXPIRY.value}"}}',
        hold_id=hold_id,
        actor=f"{merchant}/expiry",
    )


class Audit:
    """Sums every currency over all postings, again and again.

    Postings never change, so the sums of those older than five minutes are kept and only younger
    ones are read again. The first look reads the whole ledger, and so does one in every hour: what
    never changes by the rules can still be changed by a restore, or by a hand on the database.
    """

    def __init__(self, database: Database, clock: Clock, metrics: WalletMetrics) -> None:
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._settled = 0
        self._settled_sums: Counter[str] = Counter()
        self._whole_at = clock.now()
        # An audit that never succeeds must grow old too.
        metrics.audit_begins(self._whole_at)

    async def run(self) -> dict[str, int]:
        """Return the sum per currency in minor units, and publish it."""
        now = self._clock.now()
        sums = await self._database.read(lambda c: self._sum(c, now))
        positions = await self._database.read(reports.house_positions)
        holds = await self._database.read(reports.open_holds)
        overdrawn = await self._database.read(reports.customers_below_limit)
        self._metrics.report_audit(now, sums, positions, holds, overdrawn)
        return sums

    def _sum(self, connection: Connection, now: int) -> dict[str, int]:
        if now - self._whole_at >= _WHOLE_MICROS:
            self._whole_at, self._settled, self._settled_sums = now, 0, Counter()
        settled = reports.last_entry_before(connection, self._settled, now - _SETTLED_MICROS)
        older = Counter(reports.sums_between(connection, self._settled, settled))
        younger = reports.sums_between(connection, settled, None)
        self._settled_sums.update(older)
        self._settled = settled
        return {
            currency: self._settled_sums[currency] + younger.get(currency, 0)
            for currency in {*self._settled_sums, *younger}
        }
