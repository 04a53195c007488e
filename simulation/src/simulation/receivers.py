"""The receivers outside of a world: where webhooks sends events, and what goes wrong there.

webhooks reaches them in place of the one session of aiohttp that opens sockets. A request is on
its way by itself: it arrives also when who sent it died, or waits no more. What a receiver took is
remembered, byte for byte: the judge asks whether it was what it had to be.
"""

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from simulation.network import LATENCY_SECONDS, Network
from simulation.topology import FOREIGN, RECEIVERS
from webhooks.sender import Sender

_LATE_SECONDS = (0.5, 12.0)
_TOO_LATE_SECONDS = 20.0
"""Longer than any destination waits."""
_REST_SECONDS = 20
Answer = tuple[int, dict[str, str]]
_SILENCE: Answer = (0, {})
"""No answer ever comes."""
_LOST: Answer = (-1, {})
"""The connection ended without one."""


@dataclass(frozen=True, slots=True)
class Came:
    """One request that a receiver took: when (seconds of the world), its headers and its body."""

    at: float
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Receiver:
    """One receiver; what is wrong with it now is the chance of it, 0 to 1, or seconds."""

    taken: list[Came] = field(default_factory=list)
    dead: bool = False
    slow: float = 0.0
    fails: float = 0.0
    """Says 500, and took nothing."""
    busy: float = 0.0
    """Says 429, and asks for rest."""
    gone: bool = False
    """Says 410."""
    late: float = 0.0
    """Takes it, and says so when nobody waits any more."""
    loses: float = 0.0
    """Takes it, and its answer is lost."""
    lies: float = 0.0
    """Takes it, and says something else."""


@dataclass(slots=True)
class Receivers:
    """All receivers of a run; `tell` gets a line for each request that one took."""

    chance: random.Random
    network: Network
    tell: Callable[[str], None]
    named: dict[str, Receiver] = field(
        default_factory=lambda: {name: Receiver() for name in (*RECEIVERS, FOREIGN)}
    )
    _under_way: set["asyncio.Task[Answer]"] = field(default_factory=set)

    async def post(self, name: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request to a receiver; raises OSError when the connection ends without answer."""
        arriving = self._apart(self._arrive(name, Came(0.0, headers, body)))
        answer = await asyncio.shield(arriving)
        if answer is _SILENCE:
            await asyncio.Event().wait()
        if answer is _LOST:
            raise ConnectionResetError
        return answer

    def _apart(self, coro: Any) -> "asyncio.Task[Answer]":
        # In no process: it goes on when its sender has died.
        task: asyncio.Task[Answer] = asyncio.get_running_loop().create_task(coro, context=Context())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard, context=Context())
        return task

    async def _arrive(self, name: str, came: Came) -> Answer:
        there = self.network.link("webhooks", "receivers")
        await asyncio.sleep(self.chance.uniform(*LATENCY_SECONDS))
        if there.parted or self._strikes(there.lost_before):
            return _SILENCE
        if self._strikes(there.late):
            await asyncio.sleep(self.chance.uniform(*_LATE_SECONDS))
        if self._strikes(there.reset):
            return _LOST
        if self._strikes(there.doubled):
            self._apart(self._again(name, came))
        answer = await self._answer(name, came)
        if self.network.link("receivers", "webhooks").parted or self._strikes(there.lost_after):
            return self.chance.choice((_SILENCE, _LOST))
        return answer

    async def _again(self, name: str, came: Came) -> Answer:
        await asyncio.sleep(self.chance.uniform(*_LATE_SECONDS))
        return await self._answer(name, came)

    async def _answer(self, name: str, came: Came) -> Answer:
        """Return what a receiver says of a request, by what is wrong with it."""
        receiver = self.named[name]
        if receiver.dead:
            return _LOST
        await asyncio.sleep(receiver.slow * self.chance.random())
        if receiver.gone:
            return 410, {}
        if self._strikes(receiver.fails):
            return self.chance.choice((500, 502, 503)), {}
        if self._strikes(receiver.busy):
            return 429, {"retry-after": str(self.chance.randint(1, _REST_SECONDS))}
        self._take(name, receiver, came)
        if self._strikes(receiver.late):
            await asyncio.sleep(_TOO_LATE_SECONDS)
        if self._strikes(receiver.loses):
            return self.chance.choice((_SILENCE, _LOST))
        if self._strikes(receiver.lies):
            return self.chance.choice((307, 404, 500)), {"location": "https://elsewhere.world/"}
        return self.chance.choice((200, 202, 204)), {}

    def _take(self, name: str, receiver: Receiver, came: Came) -> None:
        now = asyncio.get_running_loop().time()
        receiver.taken.append(Came(now, came.headers, came.body))
        event = json.loads(came.body)
        again = " again by hand" if "kurs-replay" in came.headers else ""
        what = f"{event['type']} of {event['payment_id']} after {event['previous_sequence']}"
        self.tell(f"{name} takes {event['sequence']}{again}: {what}")

    def _strikes(self, probability: float) -> bool:
        return probability > 0.0 and self.chance.random() < probability


class _Response:
    """What webhooks reads of an answer; as an asynchronous context, the request itself."""

    def __init__(self, receivers: Receivers, name: str, headers: Any, body: bytes) -> None:
        self._request = (receivers, name, headers, body)
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.content = self

    async def __aenter__(self) -> "_Response":
        receivers, *request = self._request
        self.status, self.headers = await receivers.post(*request)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing."""

    async def read(self, most: int) -> bytes:  # noqa: ARG002 - as aiohttp's
        """Return no body: what a receiver says is its status."""
        return b""

    def at_eof(self) -> bool:
        """Return whether the answer ends here."""
        return True


class _Session:
    def __init__(self, receivers: Receivers) -> None:
        self._receivers = receivers

    def post(self, url: Any, *, data: bytes, headers: Any, **_: Any) -> _Response:
        """Return a request to be awaited by `async with`, as aiohttp's session does."""
        return _Response(self._receivers, url.host.partition(".")[0], headers, data)


def send_to(receivers: Receivers) -> Callable[[], None]:
    """Let webhooks send to `receivers`; returns what ends it."""
    name = "_session"
    shipped, session = getattr(Sender, name), _Session(receivers)
    setattr(Sender, name, lambda _, private: session)  # noqa: ARG005 - as its own

    def leave() -> None:
        setattr(Sender, name, shipped)

    return leave
