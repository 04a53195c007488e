"""Settings of fx, from `KURS_*` environment variables."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import SettingsConfigDict

from fx.sources.policy import FetchPolicy
from kurs.kernel.settings import MEBIBYTE, ServiceSettings


class FxSettings(ServiceSettings):
    """Where fx finds its configuration and what it lets the sources in it do."""

    model_config = SettingsConfigDict(populate_by_name=True)

    service: str = "fx"
    port: int = 8082
    config_dir: Path = Path("var/config/fx")
    max_body_bytes: int = 4 * MEBIBYTE
    quote_signing_keys_file: Path | None = None
    """The private keys of quotes, PEM, newest first: the first signs; read anew when it changes."""
    quote_ttl_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    """How long a quote may be used."""
    allowed_source_hosts: str = ""
    """Comma separated; when set, HTTP sources reach no other public hosts."""
    private_source_hosts: str = ""
    """Comma separated; HTTP sources reach these at private addresses too, and over plain http with
    their secret, if they ask for it."""
    source_secret_hosts: str = ""
    """Comma separated, `<secret>=<host>`; a source's secret goes to these hosts and no others."""
    source_proxy: str = Field(
        default="",
        repr=False,
        validation_alias=AliasChoices("KURS_SOURCE_PROXY", "HTTPS_PROXY", "https_proxy"),
    )
    """By which HTTP sources reach public hosts, such as http://proxy:3128; private ones are reached
    directly. fx looks names up and checks their addresses itself; https alone goes by a proxy."""
    source_proxy_resolves: bool = False
    """Lets the proxy look up the names of `allowed_source_hosts`, and reach no others: where fx
    cannot."""
    secrets_dir: Path = Path("var/secrets")
    """Holds `<name>/<key>` for every secret that a source may refer to."""

    @field_validator("source_secret_hosts")
    @classmethod
    def _readable(cls, text: str) -> str:
        _secret_hosts(text)
        return text

    def fetch_policy(self) -> FetchPolicy:
        """Return the bounds of every HTTP source."""
        return FetchPolicy(
            allowed_hosts=_hosts(self.allowed_source_hosts),
            private_hosts=_hosts(self.private_source_hosts),
            secret_hosts=_secret_hosts(self.source_secret_hosts),
            proxy=self.source_proxy,
            proxy_resolves=self.source_proxy_resolves,
        )


def _hosts(text: str) -> frozenset[str]:
    hosts = (host.strip().lower() for host in text.split(","))
    return frozenset(host for host in hosts if host)


def _secret_hosts(text: str) -> Mapping[str, frozenset[str]]:
    named: dict[str, set[str]] = {}
    for entry in _hosts(text):
        name, equals, host = entry.partition("=")
        if not (name and equals and host):
            raise ValueError(f"{entry!r} is not of the form <secret>=<host>")
        named.setdefault(name, set()).add(host)
    return {name: frozenset(hosts) for name, hosts in named.items()}
