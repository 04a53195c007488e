"""The network of a world: requests and answers are messages, and every link has its weather.

A link leads from one service to another (`client` is outside). What happens to a message is drawn
when it is sent, from the faults that are under way on its link.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field
from enum import StrEnum

from kurs.calls.errors import ConnectionLost, ResponseTimeout, Unreachable
from kurs.calls.message import Request, Response, StreamedResponse
from simulation.exchange import Exchange, Served
from simulation.loop import context_of
from simulation.process import PROCESS, Process

LATENCY_SECONDS = (0.0002, 0.003)
_LATE_SECONDS = (0.5, 12.0)
_RESET_SECONDS = (0.0, 0.05)
_INTERNAL = 500
_DECISIVE = "/transfers/batch"
"""Once this is carried out, money has moved."""


@dataclass(slots=True)
class Weather:
    """What may go wrong on a link now: the chance of each, 0 to 1."""

    lost_before: float = 0.0
    lost_after: float = 0.0
    late: float = 0.0
    doubled: float = 0.0
    reset: float = 0.0
    parted: bool = False
    """Nothing comes through, this way."""


class Moment(StrEnum):
    """When a process is struck that asks the ledger to move money."""

    SENT = "sent"
    """The question is on its way, and takes long."""
    DONE = "done"
    """Money has moved, and nobody here knows."""
    TOLD = "told"
    """The answer is there, and nothing of it is recorded."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Strikes a process that asks the ledger, once, at a moment."""

    strike: Callable[[], None]
    moment: Moment


@dataclass(slots=True)
class Network:
    """Carries every request of a world. `served` are the apps that can be reached, by service."""

    chance: random.Random
    served: dict[str, list[Served]] = field(default_factory=dict)
    weather: dict[tuple[str, str], Weather] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    aims: dict[str, Aim] = field(default_factory=dict)
    """What strikes processes, by their names, when they ask the ledger to move money."""
    at_a_loss: list[str] = field(default_factory=list)
    """Requests that were answered by an error that nobody had thought of."""
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)

    def link(self, source: str, target: str) -> Weather:
        """Return the weather of a link; a fault changes it and changes it back."""
        return self.weather.setdefault((source, target), Weather())

    async def send(self, request: Request) -> Response:
        """Return the whole answer; raises Unreachable or OutcomeUnknown, as a transport does."""
        exchange = None
        try:
            async with asyncio.timeout(request.timeout):
                exchange = await self._begin(request)
                body = await exchange.whole()
                await self._return(request)
        except TimeoutError as error:
            raise ResponseTimeout(request.target, "no answer in time") from error
        finally:
            if exchange is not None:
                exchange.disconnect()
        if exchange.status == _INTERNAL:
            self.at_a_loss.append(str(exchange))
        return Response(exchange.status, exchange.headers(), body, exchange.raw_headers)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[StreamedResponse]:
        """Yield an answer to be read in pieces."""
        exchange = None
        try:
            try:
                async with asyncio.timeout(request.timeout):
                    exchange = await self._begin(request)
                    await exchange.started.wait()
            except TimeoutError as error:
                raise ResponseTimeout(request.target, "no answer in time") from error
            yield StreamedResponse(
                exchange.status, exchange.headers(), exchange.raw_headers, exchange.chunks()
            )
        finally:
            if exchange is not None:
                exchange.disconnect()

    async def close(self) -> None:
        """Do nothing: others use it."""

    def open(self) -> set[Exchange]:
        """Return every request that has no whole answer yet."""
        return {e for apps in self.served.values() for served in apps for e in served.open}

    def drop(self, process: Process) -> None:
        """Take a process that died off the network; its peers learn of it a moment later."""
        for apps in self.served.values():
            for served in [s for s in apps if s.process is process]:
                apps.remove(served)
                for exchange in _in_order(served.open):
                    self._soon(exchange.break_off)
        for exchange in _in_order(self.open()):
            if exchange.caller is process:
                self._soon(exchange.disconnect)

    def _soon(self, learn: Callable[[], None]) -> None:
        # In no process: who died does nothing more.
        wait = self.chance.uniform(*_RESET_SECONDS)
        asyncio.get_running_loop().call_later(wait, learn, context=Context())

    async def _begin(self, request: Request) -> Exchange:
        weather, target, caller = self._weather(request), _service(request.url), PROCESS.get(None)
        await asyncio.sleep(self.chance.uniform(*LATENCY_SECONDS))
        if weather.parted or self._strikes("lost_before", weather.lost_before):
            await asyncio.Event().wait()
        if self._strikes("late", weather.late):
            await asyncio.sleep(self.chance.uniform(*_LATE_SECONDS))
        served = self._choose(target)
        if served is None:
            raise Unreachable(request.target, "connection refused")
        if self._strikes("reset", weather.reset):
            raise ConnectionLost(request.target, "the connection was reset")
        if self._strikes("doubled", weather.doubled):
            self._deliver_late(request, served, caller)
        if self._is_struck(request, Moment.SENT):
            self._deliver_late(request, served, caller)
            await asyncio.Event().wait()
        exchange = Exchange(request, served, caller)
        self._deliver(exchange)
        return exchange

    async def _return(self, request: Request) -> None:
        back = self._weather(request, back=True)
        weather = self._weather(request)
        self._is_struck(request, Moment.DONE)
        await asyncio.sleep(self.chance.uniform(*LATENCY_SECONDS))
        if back.parted or self._strikes("lost_after", weather.lost_after):
            if self.chance.random() < 0.5:
                raise ConnectionLost(request.target, "the acknowledgement was lost")
            await asyncio.Event().wait()
        self._is_struck(request, Moment.TOLD)

    def _is_struck(self, request: Request, moment: Moment) -> bool:
        """Strike who sent this, if somebody aims at it; whether so."""
        caller = PROCESS.get(None)
        aim = None if caller is None else self.aims.get(caller.name)
        if caller is None or aim is None or aim.moment is not moment:
            return False
        if not request.url.endswith(_DECISIVE):
            return False
        del self.aims[caller.name]
        # In no process: who is struck does not do it.
        asyncio.get_running_loop().call_soon(aim.strike, context=Context())
        return True

    def _deliver_late(self, request: Request, served: Served, caller: Process | None) -> None:
        """Let a request arrive for which nobody waits."""
        again = Exchange(request, served, caller, self.chance.uniform(*_LATE_SECONDS))
        again.disconnect()
        self._deliver(again)

    def _deliver(self, exchange: Exchange) -> None:
        process = exchange.served.process
        task = asyncio.get_running_loop().create_task(exchange.run(), context=context_of(process))
        process.kept.append(task.get_coro())
        exchange.served.open.add(exchange)
        self._tasks.add(task)

        def ended(done: "asyncio.Task[None]") -> None:
            self._tasks.discard(done)
            exchange.served.open.discard(exchange)
            process.kept.remove(done.get_coro())
            if not done.cancelled():
                done.exception()

        # In no process: the caller may be dead by then.
        task.add_done_callback(ended, context=Context())

    def _choose(self, target: str) -> Served | None:
        ready = [s for s in self.served.get(target, ()) if s.ready]
        return self.chance.choice(ready) if ready else None

    def _strikes(self, kind: str, probability: float) -> bool:
        if probability == 0.0 or self.chance.random() >= probability:
            return False
        self.counts[kind] = self.counts.get(kind, 0) + 1
        return True

    def _weather(self, request: Request, *, back: bool = False) -> Weather:
        caller = PROCESS.get(None)
        source, target = "client" if caller is None else caller.service, _service(request.url)
        return self.link(target, source) if back else self.link(source, target)


def addresses(services: tuple[str, ...]) -> Mapping[str, str]:
    """Return the base URL of each service in the world."""
    return {name: f"http://{name}.world" for name in services}


def _in_order(exchanges: Iterable[Exchange]) -> list[Exchange]:
    return sorted(exchanges, key=lambda exchange: exchange.order)


def _service(url: str) -> str:
    return url.split("/", 3)[2].partition(".")[0]
