"""Settings of webhooks, read from `KURS_*` environment variables once, at start."""

from pathlib import Path

from pydantic import Field

from kurs.calls.addresses import HostRules
from kurs.data.limits import DatabaseSettings
from kurs.kernel.http_address import HttpAddress


class WebhooksSettings(DatabaseSettings):
    """What webhooks needs beyond the common settings."""

    service: str = "webhooks"
    port: int = 8085
    database_url: str = "sqlite:///var/webhooks.db"
    payments_url: HttpAddress = "http://127.0.0.1:8081"
    """Where payments is."""
    config_dir: Path = Path("var/config/webhooks")
    """The folder with the document of destinations."""
    secrets_dir: Path = Path("var/secrets")
    """Holds `<name>/<key>` for every secret that a destination may refer to."""
    allowed_destination_hosts: str = ""
    """Comma separated; when set, destinations are at no other public hosts."""
    private_destination_hosts: str = ""
    """Comma separated; destinations may be at these hosts at private addresses, too."""
    max_requests_per_destination: int = Field(default=8, ge=1, le=100)
    """Requests under way at once to one destination, each of another payment."""
    destination_lease_seconds: float = Field(default=20.0, gt=16.0)
    """How long a replica that stopped keeps its destinations from the others; longer than the
    longest timeout of a destination."""
    retention_days: float = Field(default=7.0, gt=0)
    """How long delivered events are kept, and can be sent again."""
    failing_after_days: float = Field(default=3.0, gt=0)
    """How long an event is not taken until its destination is failing."""

    def host_rules(self) -> HostRules:
        """Return where destinations may be."""
        return HostRules(
            _hosts(self.allowed_destination_hosts),
            _hosts(self.private_destination_hosts),
            allowed_by="webhooks' KURS_ALLOWED_DESTINATION_HOSTS",
        )


def _hosts(text: str) -> frozenset[str]:
    return frozenset(host.strip().lower() for host in text.split(",") if host.strip())
