"""How the host of a feed is reached: directly, or by the proxy of the network that fx is in.

The address rules hold either way. A proxy would look a name up itself, and could be led to what is
private; so fx looks it up, checks every address, and asks the proxy for a tunnel to one of these
(CONNECT), in which the host proves its name by its certificate. Where fx's network has no name
service for the outside, the proxy is given names: only those that the operator of fx has listed.
"""

import socket
from dataclasses import dataclass, field

from aiohttp.abc import AbstractResolver
from yarl import URL

from fx.sources.base import SourceError, SourceFault
from fx.sources.policy import FetchPolicy
from kurs.calls.addresses import NameResolver, PublicResolver, is_address


@dataclass(frozen=True, slots=True)
class Way:
    """What to ask for and through whom; `host` is the name that the other side has to prove."""

    url: URL
    host: str | None = None
    proxy: URL | None = field(default=None, repr=False)
    resolver: AbstractResolver = field(default_factory=PublicResolver)

    @property
    def headers(self) -> dict[str, str]:
        """Return the header that names the host, where the URL names its address."""
        if self.host is None:
            return {}
        port = "" if self.url.is_default_port() else f":{self.url.port}"
        return {"Host": self.host + port}


async def way_to(target: URL, policy: FetchPolicy) -> Way:
    """Return the way to a URL that may be fetched.

    Raises SourceError, AddressRefused, and OSError from DNS.
    """
    host = target.raw_host or ""
    if host in policy.private_hosts:
        return Way(target, resolver=NameResolver())
    if not policy.proxy:
        return Way(target)
    proxy = _proxy(policy.proxy)
    if target.scheme != "https":
        # Forwarded and not tunnelled, so that the proxy would choose the address.
        message = "plain http does not go by the proxy (fx's KURS_SOURCE_PROXY): use https"
        raise SourceError(SourceFault.CONFIGURATION, message)
    if is_address(host):
        return Way(target, proxy=proxy, resolver=NameResolver())
    if policy.proxy_resolves:
        if host not in policy.allowed_hosts:
            message = f"{host} is not among the hosts that the proxy may look up for fx"
            raise SourceError(SourceFault.ADDRESS, message)
        return Way(target, proxy=proxy, resolver=NameResolver())
    found = await PublicResolver().resolve(host, target.port or 0, socket.AF_UNSPEC)
    # An older proxy may know IPv4 alone.
    addresses = sorted(found, key=lambda result: result["family"] != socket.AF_INET)
    checked = target.with_host(addresses[0]["host"])
    return Way(checked, host, proxy, NameResolver())


def _proxy(text: str) -> URL:
    try:
        proxy = URL(text if "://" in text else f"http://{text}")
        if proxy.scheme == "http" and proxy.raw_host:
            return proxy
    except ValueError:
        pass
    # It may hold a password.
    message = "fx's KURS_SOURCE_PROXY or HTTPS_PROXY is not of the form http://host:port"
    raise SourceError(SourceFault.CONFIGURATION, message)
