"""Holds this replica's share of the destinations, with a courier for each."""

import asyncio
from contextlib import suppress
from functools import partial

from kurs.kernel import progress
from kurs.kernel.clock import MICROS, monotonic
from kurs.kernel.errors import Problem
from webhooks.courier import Courier, Trade
from webhooks.store import leases
from webhooks.store.leases import Held

_LEASE_BEATS = 5
_LOOK_SECONDS = 0.25


class Dispatcher:
    """Takes and keeps leases of destinations, gives some up to others, wakes couriers."""

    def __init__(self, trade: Trade) -> None:
        self._trade = trade
        self.couriers: dict[str, tuple[Courier, asyncio.Task[None]]] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._renew_monotonic = 0.0

    async def look(self) -> None:
        """Renew leases when it is time, and wake the couriers that have more to send."""
        trade = self._trade
        if not trade.destinations.loaded:
            return
        if monotonic() >= self._renew_monotonic:
            await self._renew()
        news = await trade.database.read(partial(leases.news_of, owner=trade.owner))
        for name, count in news.items():
            held = self.couriers.get(name)
            if held is not None and held[0].seen_news != count:
                held[0].seen_news = count
                held[0].wake()

    def share_anew(self) -> None:
        """Look at the next turn which destinations are free: there may be new ones."""
        self._renew_monotonic = 0.0

    async def run(self, taken_in: asyncio.Event) -> None:
        """Look again and again, at once when `taken_in` is set, until cancelled."""
        while True:
            taken_in.clear()
            await self.look()
            progress.made()
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await taken_in.wait()
            except TimeoutError:
                pass

    async def close(self) -> None:
        """End what is under way and let other replicas have the destinations at once."""
        self._give_up(list(self.couriers))
        await asyncio.gather(*self._leaving.values(), return_exceptions=True)
        # Without a database the leases run out by themselves.
        with suppress(Problem):
            await self._trade.database.write(partial(leases.depart, owner=self._trade.owner))

    async def _renew(self) -> None:
        trade, lease = self._trade, self._trade.settings.destination_lease_seconds
        self._renew_monotonic = monotonic() + lease / _LEASE_BEATS
        now = trade.clock.now()
        until = now + round(lease * MICROS)
        names = list(trade.destinations.in_force)
        leaving = set(self._leaving)
        held = await trade.database.write(
            partial(leases.share, owner=trade.owner, names=names, now=now, until=until)
        )
        self._follow(held, names, leaving)

    def _follow(self, held: Held, names: list[str], leaving: set[str]) -> None:
        lost = [name for name in self.couriers if name not in held.until]
        for name in lost:
            self.couriers.pop(name)[0].stop()
        ours = [name for name in sorted(held.until) if name not in leaving]
        known = [name for name in ours if name in names]
        surplus = [name for name in ours if name not in names]
        # Of what is too much, some is on its way to others already.
        excess = held.surplus - len(leaving & held.until.keys() & set(names))
        if excess > 0:
            surplus += known[-excess:]
        self._give_up(surplus)
        for name in set(ours) - set(surplus):
            if name not in self.couriers:
                courier = Courier(name, self._trade)
                self.couriers[name] = (courier, asyncio.create_task(courier.run()))
            self.couriers[name][0].held_until = held.until[name]

    def _give_up(self, names: list[str]) -> None:
        """Let others have these, each once what is under way there has ended: until then, ours.

        That is not waited for, or one receiver that answers nothing would hold up all others.
        """
        for name in names:
            courier, sending = self.couriers.pop(name, (None, None))
            if courier is not None:
                courier.stop()
            self._leaving[name] = asyncio.create_task(self._leave(name, sending))

    async def _leave(self, name: str, sending: asyncio.Task[None] | None) -> None:
        trade = self._trade
        try:
            if sending is not None:
                await asyncio.wait({sending})
            now = trade.clock.now()
            # Without a database it stays ours, and is given up again.
            with suppress(Problem):
                leave = partial(leases.leave, owner=trade.owner, names=[name], now=now)
                await trade.database.write(leave)
        finally:
            del self._leaving[name]
