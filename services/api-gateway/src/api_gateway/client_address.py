"""The address that a request came from: the connection's, or behind proxies of one's own theirs.

A proxy appends the address that it was called from to `X-Forwarded-For` (or to `Forwarded`, RFC
7239). Whatever stands left of that was written by strangers. So the fields are read from the
right, hop by hop, and only as far as the hops are trusted proxies; without any, not at all.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.types import Scope

Address = IPv4Address | IPv6Address
_FOR = re.compile(r'(?:^|;)\s*for=("[^"]*"|[^;,"\s]*)', re.IGNORECASE)
_WITH_PORT = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<four>[0-9.]+))(?::[0-9]{1,5})?")


class ClientAddresses:
    """Tells callers' addresses; `proxies` are the networks (CIDR) of trusted proxies."""

    def __init__(self, proxies: str, header: str) -> None:
        """Read a comma separated list; raises ValueError for what is no network."""
        self._proxies = [ip_network(text.strip()) for text in proxies.split(",") if text.strip()]
        self._header = header.lower().encode()

    def of(self, scope: Scope) -> Address | None:
        """Return where a request came from, None when that cannot be told."""
        client = scope.get("client")
        address = _parsed(client[0]) if client else None
        if not self._proxies:
            return address
        hops = self._hops(scope)
        while address is not None and any(address in proxy for proxy in self._proxies):
            hop = next(hops, None)
            if hop is None:
                return address
            address = _parsed(hop)
        return address

    def _hops(self, scope: Scope) -> Iterator[str]:
        values = [value.decode("latin-1") for n, value in scope["headers"] if n == self._header]
        for element in reversed(",".join(values).split(",") if values else []):
            yield _for_of(element) if self._header == b"forwarded" else element


def _for_of(element: str) -> str:
    match = _FOR.search(element.strip())
    return match[1].strip('"') if match else ""


def _parsed(text: str) -> Address | None:
    match = _WITH_PORT.fullmatch(text.strip())
    try:
        address = ip_address((match["six"] or match["four"]) if match else text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
