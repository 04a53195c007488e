"""What the wallet does by itself to holds: it releases those whose time has passed."""

from kurs.data.database import Database
from kurs.kernel.clock import Clock
from wallet.domain.transfers import EXPIRY, Kind, Transfer
from wallet.ledger import Ledger, Submission
from wallet.store import reports

_EXPIRY_BATCH = 200


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
        transfer_id=f"{EXPIRY}{hold_id}",
        kind=Kind.EXPIRY,
        merchant=merchant,
        content=f'{{"kind":"{Kind.EXPIRY.value}"}}',
        hold_id=hold_id,
        actor=f"{merchant}/expiry",
    )
