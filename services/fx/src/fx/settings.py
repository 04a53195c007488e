"""Settings of fx, from `KURS_*` environment variables."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from fx.sources.fetch import FetchPolicy
from kurs.settings import MEBIBYTE, ServiceSettings


class FxSettings(ServiceSettings):
    """Where fx finds its configuration and what it lets the sources in it do."""

    service: str = "fx"
    port: int = 8082
    config_dir: Path = Path("var/config/fx")
    max_body_bytes: int = 8 * MEBIBYTE
    quote_ttl_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """How long a quote may be used."""
    allow_private_sources: bool = False
    """Lets HTTP sources reach private and loopback addresses; for development and tests."""
    allowed_source_hosts: str = ""
    """Comma separated; when set, HTTP sources reach no other hosts."""
    secrets_dir: Path = Path("var/secrets")
    """Holds `<name>/<key>` for every secret that a source may refer to."""

    def fetch_policy(self) -> FetchPolicy:
        """Return the bounds of every HTTP source."""
        hosts = (host.strip().lower() for host in self.allowed_source_hosts.split(","))
        return FetchPolicy(
            allowed_hosts=frozenset(host for host in hosts if host),
            allow_private=self.allow_private_sources,
        )
