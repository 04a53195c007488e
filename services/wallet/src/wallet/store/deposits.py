"""What came from the outside world so far: today, and in all.

Deposits of one currency wait for each other, whatever process makes them, so that two cannot both
take what is left. What is read is remembered by process: only newer postings are read next time.
"""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from kurs.data.failures import LockedOut, Trouble, trouble_of
from kurs.data.writer import ToldKey
from kurs.kernel.clock import MICROS
from kurs.kernel.ids import HOUSE_WORLD
from wallet.domain.deposits import Ceilings, Room
from wallet.store.reports import positions, summed, whole
from wallet.store.tables import postings

_DAY = 86_400 * MICROS
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")


def deposits_key(currency: str) -> ToldKey:
    """Return the key of the lock that deposits of a currency wait for."""
    return ToldKey(f"deposits:{currency}")


class _Seen(NamedTuple):
    day: int
    entry_id: int
    amount: int


class Deposited:
    """The sums of deposits, as one process knows them."""

    def __init__(self, ceilings: Ceilings) -> None:
        self._ceilings = ceilings
        self._seen: dict[str, _Seen] = {}

    def rooms(
        self, connection: Connection, currencies: Collection[str], now: int
    ) -> dict[str, Room]:
        """Return what may still come in by currency; nobody else deposits these until the commit.

        `now` is in microseconds since the epoch.
        """
        if not currencies:
            return {}
        self._lock(connection, currencies)
        ever = {p.currency: -p.posted for p in positions(connection, HOUSE_WORLD)}
        return {
            currency: self._ceilings.room(
                currency,
                today=self._today(connection, currency, now // _DAY),
                ever=ever.get(currency, 0),
            )
            for currency in currencies
        }

    def _lock(self, connection: Connection, currencies: Collection[str]) -> None:
        if connection.dialect.name == "postgresql":
            for currency in sorted(currencies):
                key = deposits_key(currency)
                try:
                    connection.execute(_LOCK, {"key": str(key)})
                except DBAPIError as error:
                    if trouble_of(error) is not Trouble.BLOCKED:
                        raise
                    raise LockedOut(key) from error

    def _today(self, connection: Connection, currency: str, day: int) -> int:
        seen = self._seen.get(currency)
        if seen is None or seen.day != day:
            seen = _Seen(day, 0, 0)
        query = select(func.max(postings.c.entry_id), *summed(postings.c.amount)).where(
            postings.c.account_id == HOUSE_WORLD,
            postings.c.currency == currency,
            postings.c.entry_id > seen.entry_id,
            postings.c.created_at >= day * _DAY,
        )
        newest, high, low = connection.execute(query).one()
        if newest is not None:
            # Read, so committed: what this transaction itself adds is read by the next one.
            seen = _Seen(day, newest, seen.amount - whole(high, low))
        self._seen[currency] = seen
        return seen.amount
