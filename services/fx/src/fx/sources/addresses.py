"""Which network addresses a feed may be fetched from.

The author of a rate source is not the owner of the cluster: a source must not become a way to
reach what is private (OWASP, Server Side Request Forgery Prevention). So a name is resolved once,
every address it has must be public, and the connection goes to the addresses that were checked;
a name that changes between check and use (DNS rebinding) gains nothing.
"""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from fx.sources.base import SourceError, SourceFault

# Addresses that carry an IPv4 address inside, which a gateway on the way would unpack:
# NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), and the two ways of writing an IPv4 address as an
# IPv6 one (RFC 4291, section 2.5.5). Teredo is no global address already.
_TRANSLATED = (
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2002::/16"),
    IPv6Network("::/96"),
    IPv6Network("::ffff:0:0/96"),
)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Tell whether `address` can only be a host of the public internet."""
    if isinstance(address, IPv6Address) and any(address in network for network in _TRANSLATED):
        return False
    return address.is_global and not address.is_multicast


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
