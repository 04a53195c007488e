"""What can be set about the gateway, by `KURS_*` environment variables."""

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from limits import parse
from pydantic import AliasChoices, Field, TypeAdapter, field_validator
from pydantic_settings import SettingsConfigDict

from api_gateway.client_address import ClientAddresses
from kurs.edges.table import FX, PAYMENTS, RISK, WALLET, WEBHOOKS
from kurs.kernel.http_address import HttpAddress, check_http_address
from kurs.kernel.ids import MerchantId
from kurs.kernel.settings import MEBIBYTE, ServiceSettings


class GatewaySettings(ServiceSettings):
    """Where the services are, which keys count, and how much one caller may do."""

    model_config = SettingsConfigDict(populate_by_name=True)

    service: str = "api-gateway"
    port: int = 8080
    payments_url: HttpAddress = "http://127.0.0.1:8081"
    """Where payments is."""
    fx_url: HttpAddress = "http://127.0.0.1:8082"
    """Where fx is."""
    wallet_url: HttpAddress = "http://127.0.0.1:8083"
    """Where the wallet is."""
    risk_url: HttpAddress = "http://127.0.0.1:8084"
    """Where risk is."""
    webhooks_url: HttpAddress = "http://127.0.0.1:8085"
    """Where webhooks is."""

    api_keys_file: Path = Path("var/api-keys.json")
    api_keys_poll_seconds: float = Field(default=0.5, gt=0)
    """Between two looks whether the file of API keys has changed."""
    key_expiry_warning_days: float = Field(default=14, ge=0)
    """Before a key expires: from then on metrics and the log say so."""
    platform_merchants: str = ""
    """Merchants, comma separated, that are the platform itself: only their keys may have the roles
    `treasury` (deposits, overdrafts) and `audit` (house accounts, trial balance, thresholds)."""
    trusted_proxies: str = ""
    """Networks, comma separated, of proxies whose `forwarded_header` is believed."""
    forwarded_header: Literal["X-Forwarded-For", "Forwarded"] = "X-Forwarded-For"
    """Where a trusted proxy writes the address of its client."""
    rate_limit: str = "200/second"
    """Requests of one merchant that each replica lets in, such as 200/second."""
    max_requests: int = Field(default=1024, gt=0)
    """Requests at once; one more is answered 503."""
    max_bodies: int = Field(default=1024, gt=0)
    """Bodies that are read at once; one more is answered 503."""
    max_body_memory_bytes: int = Field(default=64 * MEBIBYTE, gt=0)
    """Bytes of all bodies together; a request for more is answered 503."""
    max_streams: int = Field(default=256, gt=0)
    """Event streams at once; one more is answered 503."""
    max_streams_per_merchant: int = Field(default=16, gt=0)
    """Of these, of one merchant."""
    free_refusals_per_second: int = Field(default=200, gt=0)
    """Refusals in a second, by caller, that are answered at once; each further one waits a
    second."""
    request_seconds: float = Field(default=10.0, gt=0)
    """For the whole of a request behind the gateway; else 504."""
    trust_traceparent: bool = True
    """Continues the trace that a caller began, sampling included: right on a laptop and behind an
    own front end. At the edge of a production system set it to false: the caller's trace is then
    linked and the gateway decides itself what is sampled."""
    access_log: bool = False
    """Writes a line for every request."""
    openapi_refresh_seconds: float = Field(default=60.0, gt=0)
    """Between two looks for what the services say of their routes."""
    grafana_url: str = Field(
        default="", validation_alias=AliasChoices("KURS_GRAFANA_URL", "GRAFANA_URL")
    )
    """Where the console links to dashboards; empty: nowhere."""

    tempo_url: str = Field(default="", validation_alias=AliasChoices("KURS_TEMPO_URL", "TEMPO_URL"))
    """Where the console links to traces; empty: nowhere."""

    @field_validator("rate_limit")
    @classmethod
    def _known_notation(cls, text: str) -> str:
        parse(text)
        return text

    @field_validator("platform_merchants")
    @classmethod
    def _merchant_ids(cls, text: str) -> str:
        for merchant in _items(text):
            TypeAdapter(MerchantId).validate_python(merchant)
        return text

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, text: str) -> str:
        ClientAddresses(text, "Forwarded")
        return text

    @field_validator("grafana_url", "tempo_url")
    @classmethod
    def _linkable(cls, text: str) -> str:
        # Grafana's becomes part of a Content-Security-Policy, where a space or a semicolon would
        # end the directive.
        if text:
            url = urlsplit(check_http_address(text))
            if not (text.isascii() and text.isprintable()) or set(text) & set(" ;,'\""):
                raise ValueError("write the address like https://grafana.example.com")
            if url.username is not None or url.password is not None:
                raise ValueError("leave user and password out of the address")
        return text

    def platform(self) -> frozenset[str]:
        """Return the merchants whose keys may have the roles of the platform."""
        return frozenset(_items(self.platform_merchants))

    def client_addresses(self) -> ClientAddresses:
        """Return what tells callers' addresses."""
        return ClientAddresses(self.trusted_proxies, self.forwarded_header)

    def service_urls(self) -> dict[str, str]:
        """Return the base address of every service, by its name."""
        return {
            PAYMENTS: self.payments_url,
            FX: self.fx_url,
            WALLET: self.wallet_url,
            RISK: self.risk_url,
            WEBHOOKS: self.webhooks_url,
        }


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]
