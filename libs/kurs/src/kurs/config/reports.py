"""What a service says of its configuration: what is in force, and how each resource does there.

The operator asks for it on `GET /internal/config`, and reads the answers by these forms.
"""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from pydantic import BaseModel

from kurs.config.accepted import AcceptedRates
from kurs.config.documents import DocumentT, DocumentWatcher
from kurs.config.resources import SourceRef
from kurs.kernel.clock import to_rfc3339


class DeliveryReport(BaseModel):
    """What a destination took last, how many events it is still to get, and what went wrong last.

    Moments are of RFC 3339.
    """

    delivered_sequence: int | None = None
    waiting: int = 0
    oldest_waiting_at: str | None = None
    last_error: str | None = None
    last_error_at: str | None = None


class ResourceReport(BaseModel):
    """What a service can say of one resource in force.

    Of a rate source its health (None before its first answer), what kind of thing is wrong (one of
    a fixed set) and what it is, the date of its oldest rate, and what it accepted last, where jumps
    are measured from that. Of a threshold in Shadow mode how often it would have decided what. Of a
    destination whether it gets its events, by `healthy`, `reason` and `error`, and `delivery`.
    """

    kind: str
    name: str
    healthy: bool | None = None
    reason: str | None = None
    error: str | None = None
    observed_at: str | None = None
    decisions: dict[str, int] = {}
    accepted: AcceptedRates | None = None
    delivery: DeliveryReport | None = None


Reports = Callable[[], list[ResourceReport] | Awaitable[list[ResourceReport]]]
"""Returns what a service says of its resources, from memory or from its database."""


class ConfigState(BaseModel):
    """The configuration in force, and what is wrong with a newer one.

    `digest` tells one written document from another of the same revision.
    """

    revision: str | None
    digest: str | None
    error: str | None
    applied_at: str | None
    sources: list[SourceRef]
    reports: list[ResourceReport]


def config_router(watcher: DocumentWatcher[DocumentT], reports: Reports = list) -> APIRouter:
    """Return the route `GET /internal/config`, by which the operator counts acknowledgements."""
    routes = APIRouter(tags=["operations"])

    @routes.get("/internal/config", summary="Which configuration is in force?")
    async def config() -> ConfigState:
        told = reports()
        reported = told if isinstance(told, list) else await told
        document, applied_at = watcher.current, watcher.applied_at
        return ConfigState(
            revision=watcher.revision,
            digest=watcher.digest,
            error=watcher.error,
            applied_at=None if applied_at is None else to_rfc3339(applied_at),
            sources=list(document.sources) if document else [],
            reports=reported,
        )

    return routes
