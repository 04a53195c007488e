"""What merchants hold open against the house, asked before one more payment is held."""

from collections.abc import Mapping

from sqlalchemy import Connection

from kurs.data.database import Database
from kurs.kernel.clock import MICROS, Clock
from payments.settings import PaymentsSettings
from payments.store.exposure import Horizon, about_to_open, added, held_open


class Exposure:
    """Reads open holds across currencies; `await exposure(merchant)` asks for one merchant."""

    def __init__(self, database: Database, settings: PaymentsSettings, clock: Clock) -> None:
        self._database = database
        self._longest = round(settings.exchange_hold_seconds * MICROS)
        self._clock = clock

    async def __call__(self, merchant: str) -> Mapping[str, int]:
        """Return minor units by currency, with what the merchant is being authorized just now."""
        horizon = self._horizon()

        def both(connection: Connection) -> dict[str, int]:
            held = held_open(connection, horizon, merchant)
            return added(held, about_to_open(connection, merchant))

        return await self._database.read(both)

    async def of_all(self) -> Mapping[str, int]:
        """Return what all merchants hold open, in minor units by currency."""
        horizon = self._horizon()
        return await self._database.read(lambda c: held_open(c, horizon))

    def _horizon(self) -> Horizon:
        now = self._clock.now()
        return Horizon(now, now + self._longest)
