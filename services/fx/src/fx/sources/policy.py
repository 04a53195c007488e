"""What the operator of this service allows every feed, whatever a source asks for."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from kurs.calls.addresses import HostRules

MAX_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """What the operator of this service allows, whatever a source asks for.

    `private_hosts` may have private addresses, all others must be public; `allowed_hosts` empty
    means any of these. `secret_hosts` are the hosts that each secret may be sent to. `tls` is the
    trust used for https. Public hosts are reached by the `proxy`; it looks up the `allowed_hosts`
    itself with `proxy_resolves`.
    """

    allowed_hosts: frozenset[str] = frozenset()
    private_hosts: frozenset[str] = frozenset()
    secret_hosts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    max_bytes: int = MAX_BYTES
    proxy: str = field(default="", repr=False)
    proxy_resolves: bool = False
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def hosts(self) -> HostRules:
        """The rules about hosts, which hold for destinations of webhooks, too."""
        return HostRules(
            self.allowed_hosts, self.private_hosts, allowed_by="fx's KURS_ALLOWED_SOURCE_HOSTS"
        )
