"""The document of one service: which text its ConfigMap must hold, and when that changes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from kurs.config.resources import (
    Document,
    FxDocument,
    RiskDocument,
    WebhooksDocument,
    digest_of,
)
from kurs_operator.conditions import (
    DestinationStatus,
    RateSourceStatus,
    ResourceStatus,
    ThresholdStatus,
)


@dataclass(frozen=True, slots=True)
class ServiceDocument:
    """Where a service's document lies, what it is made from, and what that has as its status."""

    name: str
    kind: str
    config_map: str
    model: type[FxDocument] | type[RiskDocument] | type[WebhooksDocument]
    status: type[ResourceStatus]


SERVICES: Mapping[str, ServiceDocument] = {
    "fx": ServiceDocument("fx", "FXRateSource", "kurs-fx-config", FxDocument, RateSourceStatus),
    "risk": ServiceDocument(
        "risk", "RiskThreshold", "kurs-risk-config", RiskDocument, ThresholdStatus
    ),
    "webhooks": ServiceDocument(
        "webhooks", "EventDestination", "kurs-webhooks-config", WebhooksDocument, DestinationStatus
    ),
}
SERVICE_OF: Mapping[str, ServiceDocument] = {service.kind: service for service in SERVICES.values()}
"""The service that takes each kind of resource."""


@dataclass(frozen=True, slots=True)
class Written:
    """A document as it is written."""

    document: Document
    text: str

    @property
    def digest(self) -> str:
        """What a pod names that runs exactly this."""
        return digest_of(self.text.encode())


@lru_cache(maxsize=8)
def read(service: ServiceDocument, text: str | None) -> Written | None:
    """Return the document in a ConfigMap, or None when there is none or someone broke it."""
    if text is None:
        return None
    try:
        return Written(service.model.model_validate_json(text), text)
    except Exception:
        # Whatever stands there is repaired, and must not stop the one who repairs it.
        return None


def written(document: Document, traceparent: str | None) -> Written:
    """Return a document as text, with the trace in which the services apply it."""
    carried = document.model_copy(update={"traceparent": traceparent})
    return Written(carried, carried.to_json())
