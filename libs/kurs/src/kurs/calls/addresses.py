"""Which network addresses may be reached for whoever wrote the address: rate sources, destinations.

The author of such a resource is not the owner of the cluster: it must not become a way to reach
what is private (OWASP, Server Side Request Forgery Prevention). So a name is resolved once, every
address it has must be public, and the connection goes to the addresses that were checked; a name
that changes between check and use (DNS rebinding) gains nothing.
"""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from kurs.config.resources import is_plain_host

# Named here and not left to Python, whose versions differ: what IANA's registry of special-purpose
# addresses lists, globally reachable or not, since nobody publishes or receives there; and the
# address at which Azure's hosts answer their virtual machines.
_SPECIAL_4 = tuple(
    IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32"),
        *("169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24"),
        *("192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
)
_GLOBAL_UNICAST_6 = IPv6Network("2000::/3")
"""All that is assigned to hosts of the internet; what lies outside is local, or carries an IPv4
address that a gateway on the way would unpack (NAT64, the ways of writing one as IPv6)."""
# Protocols (Teredo, ORCHID, AMT), documentation, 6to4, AS112.
_SPECIAL_6 = tuple(
    IPv6Network(network)
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether `address` can only be a host of the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _SPECIAL_4)
    outside = address not in _GLOBAL_UNICAST_6
    return not outside and not any(address in network for network in _SPECIAL_6)


_Found = Sequence[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]]
_LOOK_UPS = ThreadPoolExecutor(max_workers=64, thread_name_prefix="look-up")
_UNDER_WAY: dict[tuple[str, socket.AddressFamily], "Future[_Found]"] = {}


class AddressRefused(Exception):
    """A host is not reached; the message says why, `private` that its address is not public."""

    def __init__(self, message: str, *, private: bool = False) -> None:
        super().__init__(message)
        self.private = private


class UrlRefused(Exception):
    """A URL is none that may be reached, whatever its host; the message says why."""


@dataclass(frozen=True, slots=True)
class HostRules:
    """What the operator of a service allows, whatever a resource asks for.

    `private` hosts may have private addresses, all others must be public; `allowed` empty means
    any of these, and `allowed_by` is the setting that names them.
    """

    allowed: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()
    allowed_by: str = ""


def check_url(url: str, rules: HostRules, *, insecure: str = "") -> URL:
    """Return a URL that may be reached; raises UrlRefused or AddressRefused.

    `insecure` says why plain http is refused; empty, it is not. The URL is parsed once, by the
    parser that the client uses: were there two, a text could mean a public host to the one that
    checks and a private one to the one that connects.
    """
    try:
        target = URL(url)
        host = target.raw_host
    except ValueError:
        raise UrlRefused("the url cannot be read") from None
    if target.scheme not in ("https", "http") or not host:
        raise UrlRefused("the url is not an https address")
    if target.scheme == "http" and insecure:
        raise UrlRefused(f"the url is not https and {insecure}")
    if target.raw_user is not None or target.raw_password is not None:
        raise UrlRefused("the url holds credentials; use secretRef")
    if not is_plain_host(host):
        raise AddressRefused("the host is neither a name nor a usual address")
    if host in rules.private:
        return target
    if rules.allowed and host not in rules.allowed:
        raise AddressRefused(f"{host} is not among the allowed hosts, {rules.allowed_by}")
    # aiohttp asks no resolver about a host that is an address already.
    if is_address(host):
        require_public(host, host)
    return target


def require_public(text: str, host: str) -> None:
    """Raise AddressRefused unless the address `text` (what `host` resolved to) is public."""
    try:
        public = is_public(ip_address(text))
    except ValueError:
        public = False
    if not public:
        message = f"{host} has an address that is not of the public internet"
        raise AddressRefused(message, private=True)


def is_address(host: str) -> bool:
    """Tell whether `host` is an address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class NameResolver(AbstractResolver):
    """Resolves names for aiohttp, whatever their addresses.

    A name whose servers say nothing holds a thread for many seconds. So look-ups have threads of
    their own, and a name has one look-up under way at most, that all who ask for it wait for.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`; raises OSError from DNS."""
        # Who waits no longer ends the look-up for nobody else.
        found = await asyncio.shield(asyncio.wrap_future(_look_up(host, family)))
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Hold nothing, close nothing."""


class PublicResolver(NameResolver):
    """Refuses a name if any of its addresses is not public."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the checked addresses of `host`; raises AddressRefused, or OSError from DNS."""
        results = await super().resolve(host, port, family)
        for result in results:
            require_public(result["host"], host)
        return results


def _look_up(host: str, family: socket.AddressFamily) -> "Future[_Found]":
    asked = (host, family)
    under_way = _UNDER_WAY.get(asked)
    if under_way is not None:
        return under_way
    ask = partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM, family=family)
    asking = _UNDER_WAY[asked] = _LOOK_UPS.submit(ask)
    asking.add_done_callback(lambda _: _UNDER_WAY.pop(asked, None))
    return asking
