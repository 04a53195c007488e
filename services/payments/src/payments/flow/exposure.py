"""What merchants hold open against the house, asked before one adds to it."""

from collections.abc import Callable, Collection, Mapping

from sqlalchemy import Connection

from kurs.contracts.risk import OpenAmount
from kurs.data.database import Database
from kurs.kernel.clock import MICROS, Clock
from kurs.kernel.errors import Problem
from payments.clients import OWN_DATABASE, Unanswered
from payments.settings import PaymentsSettings
from payments.store.exposure import (
    Horizon,
    about_to_give_back,
    about_to_open,
    added,
    given_back,
    held_open,
)

_SUMMED_EVERY = 30 * MICROS
Held = Mapping[str, list[OpenAmount] | Unanswered]
"""What each merchant holds open across currencies, or why nobody knows."""


class _Kept:
    """A sum over all merchants that is read now and then."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._sums: Mapping[str, int] = {}
        self._at: int | None = None

    async def read(self, sums: Callable[[Connection], Mapping[str, int]]) -> Mapping[str, int]:
        now = self._clock.now()
        if self._at is None or now - self._at >= _SUMMED_EVERY:
            self._sums = await self._database.read(sums)
            self._at = now
        return self._sums


class ExposureReader:
    """Reads what is open across currencies."""

    def __init__(self, database: Database, settings: PaymentsSettings, clock: Clock) -> None:
        self._database = database
        self._longest = round(settings.exchange_hold_seconds * MICROS)
        self._counted = round(settings.refund_exposure_seconds * MICROS)
        self._clock = clock
        self._holds = _Kept(database, clock)
        self._refunds = _Kept(database, clock)

    async def held(self, merchants: Collection[str]) -> Held:
        """Return what each merchant holds open, or why nobody knows."""
        held: dict[str, list[OpenAmount] | Unanswered] = {}
        for merchant in sorted(merchants):
            try:
                amounts = await self.of_merchant(merchant)
            except Problem as problem:
                held[merchant] = Unanswered(OWN_DATABASE, problem.detail)
            else:
                held[merchant] = [
                    {"currency": currency, "amount_minor": amount}
                    for currency, amount in amounts.items()
                ]
        return held

    async def of_merchant(self, merchant: str) -> Mapping[str, int]:
        """Return minor units by currency, with what is asked for just now.

        That are holds, and refunds at the rates of payments. Of two that are asked for at once each
        was stored before either looks here.
        """
        horizon = self._horizon()

        def every(connection: Connection) -> dict[str, int]:
            # What is pending before what is done: on PostgreSQL each statement sees what was
            # committed before it, so that an outcome in between is counted twice and never missed.
            return added(
                about_to_open(connection, merchant),
                held_open(connection, horizon, merchant),
                about_to_give_back(connection, merchant),
                given_back(connection, horizon.now - self._counted, merchant),
            )

        return await self._database.read(every)

    async def of_all(self) -> Mapping[str, int]:
        """Return what all merchants hold open, in minor units by currency.

        Of at most half a minute ago: it is a sum over all that is open.
        """
        horizon = self._horizon()
        return await self._holds.read(lambda c: held_open(c, horizon))

    async def refunds_of_all(self) -> Mapping[str, int]:
        """Return what went back at rates of payments, in minor units by currency.

        Of at most half a minute ago: it is a sum over a day.
        """
        since = self._clock.now() - self._counted
        return await self._refunds.read(lambda c: given_back(c, since))

    def _horizon(self) -> Horizon:
        now = self._clock.now()
        return Horizon(now, now + self._longest)


def held_by(merchant: str, held: Held) -> list[OpenAmount]:
    """Return what a merchant holds open; raises Unanswered when nobody knows."""
    found = held[merchant]
    if isinstance(found, Unanswered):
        raise found
    return found
