"""Which network addresses a feed may be fetched from.

The author of a rate source is not the owner of the cluster: a source must not become a way to
reach what is private (OWASP, Server Side Request Forgery Prevention). So a name is resolved once,
every address it has must be public, and the connection goes to the addresses that were checked;
a name that changes between check and use (DNS rebinding) gains nothing.
"""

import asyncio
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from fx.sources.base import SourceError, SourceFault

# Named here and not left to Python, whose versions differ: what IANA's registry of special-purpose
# addresses lists, globally reachable or not, since none is where rates are published; and the
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


def require_public(text: str, host: str) -> None:
    """Raise SourceError unless the address `text` (what `host` resolved to) is public."""
    try:
        public = is_public(ip_address(text))
    except ValueError:
        public = False
    if not public:
        raise SourceError(
            SourceFault.ADDRESS,
            f"{host} has an address that is not of the public internet, and fx's "
            "KURS_PRIVATE_SOURCE_HOSTS does not name it",
        )


def is_address(host: str) -> bool:
    """Tell whether `host` is an address rather than a name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class PublicResolver(AbstractResolver):
    """Resolves names for aiohttp, and refuses a name if any of its addresses is not public."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the checked addresses of `host`; raises SourceError, or OSError from DNS."""
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family
        )
        results = [
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
        for result in results:
            require_public(result["host"], host)
        return results

    async def close(self) -> None:
        """Hold nothing, close nothing."""
