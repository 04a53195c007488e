"""An EventDestination: where a merchant's events go, which of them, and what signs them."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from kurs.config.resources.scalars import Flag, Seconds, SecretKey, StrictModel, wrong
from kurs.config.resources.source_url import check_destination_url
from kurs.kernel.ids import MerchantId

MAX_TIMEOUT_SECONDS = 15
"""Shorter than a lease of webhooks, so that nobody else sends what is still under way."""
SentType = Literal[
    "payment.captured",
    "payment.authorized",
    "payment.in_review",
    "payment.failed",
    "payment.voided",
    "payment.expired",
    "refund.succeeded",
    "refund.failed",
    "deposit.succeeded",
]


class EventDestinationSpec(StrictModel):
    """What an EventDestination asks for.

    `types` empty means every type, later ones included. `secretRef` names one key of a Secret: a
    Standard Webhooks secret (`whsec_…`), or two, `new,old`, while one replaces the other. `timeout`
    is until the whole answer. While `suspend` is set, events wait.
    """

    merchant: MerchantId
    """Whose events are sent."""
    url: Annotated[str, StringConstraints(min_length=8, max_length=2048)]
    """Absolute address, without credentials. Private addresses and plain http only where the
    installation names the host."""
    types: Annotated[tuple[SentType, ...], Field(max_length=20)] = ()
    """Which events; empty, every type, later ones included."""
    secret_ref: SecretKey
    """The Secret's key that holds a Standard Webhooks secret, whsec_ and base64; two, new,old,
    while one replaces the other. The Secret is mounted into the pods of webhooks; its value
    appears in no status and no log."""
    timeout: Seconds = 10
    """Until the whole answer: "1s" to "15s"."""
    suspend: Flag = False
    """Nothing is sent; events wait."""
    allow_insecure: Flag = False
    """Allows an http:// address; for tests."""

    @field_validator("url")
    @classmethod
    def _safe(cls, url: str) -> str:
        return check_destination_url(url)

    @field_validator("timeout")
    @classmethod
    def _bounded(cls, timeout: int) -> int:
        if not 1 <= timeout <= MAX_TIMEOUT_SECONDS:
            raise wrong("it is not between 1s and 15s", f'write at most "{MAX_TIMEOUT_SECONDS}s"')
        return timeout

    @model_validator(mode="after")
    def _https(self) -> "EventDestinationSpec":
        if not self.url.lower().startswith("https://") and not self.allow_insecure:
            hint = "use https, or set allowInsecure: true for a test"
            raise wrong("over plain http everybody on the way reads them", hint, "url")
        return self

    def wants(self, merchant: str, event_type: str) -> bool:
        """Tell whether an event goes there."""
        return merchant == self.merchant and (not self.types or event_type in self.types)
