"""A port that is listened on: how long its clients may take, and who is connected to it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from uvicorn._types import ASGI3Application

from kurs.kernel.settings import ServiceSettings

_OPERATIONS_CONNECTIONS = 64
_IPV6_SITE_BITS = 64


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the clients of a port may take; times in seconds."""

    head_seconds: float
    body_seconds: float
    answer_seconds: float
    connections: int
    connections_per_address: int

    @classmethod
    def of(cls, settings: ServiceSettings) -> "Bounds":
        """Return those of a service's main port."""
        return cls(
            head_seconds=settings.head_seconds,
            body_seconds=settings.body_seconds,
            answer_seconds=settings.answer_seconds,
            connections=settings.max_connections,
            connections_per_address=settings.max_connections_per_address,
        )

    @classmethod
    def of_operations(cls, settings: ServiceSettings) -> "Bounds":
        """Return those of its operations port: places that the main port's clients cannot take."""
        return replace(
            cls.of(settings),
            connections=_OPERATIONS_CONNECTIONS,
            connections_per_address=_OPERATIONS_CONNECTIONS,
        )


class Guest(Protocol):
    """A connection, as its port sees it."""

    @property
    def address(self) -> str:
        """The IP address that it comes from, empty when it has none."""

    def end_if_overdue(self, now: float) -> None:
        """End it when its client takes too long; `now` is the event loop's time."""


class Port:
    """The connections of one listening port. `count(code)` is told why one was refused or ended.

    `app` answers on it, if it is another than the server's.
    """

    def __init__(
        self, bounds: Bounds, count: Callable[[str], None], app: ASGI3Application | None = None
    ) -> None:
        self.app = app
        self.bounds = bounds
        self.count = count
        self._guests: dict[Guest, str] = {}
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._guests)

    def admit(self, guest: Guest) -> bool:
        """Take a connection in, unless there are too many in all or of its address."""
        address = _counted_as(guest.address)
        full = len(self._guests) >= self.bounds.connections
        if full or self._by_address[address] >= self.bounds.connections_per_address:
            return False
        self._guests[guest] = address
        self._by_address[address] += 1
        return True

    def leave(self, guest: Guest) -> None:
        """Forget a connection; one that was not admitted is no matter."""
        address = self._guests.pop(guest, None)
        if address is None:
            return
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]

    def sweep(self, now: float) -> None:
        """End every connection whose client takes too long.

        One walk now and then, instead of a timer for each request: a request sets a number.
        """
        for guest in list(self._guests):
            guest.end_if_overdue(now)


def _counted_as(address: str) -> str:
    """Return what is counted: of IPv6 the network, since one client has all addresses of it."""
    if ":" not in address:
        return address
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(int(parsed) >> (parsed.max_prefixlen - _IPV6_SITE_BITS))
