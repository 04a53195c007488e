"""The compiled documents: what fx, risk and webhooks each read, with the hash of their content.

`revision` covers `schemaVersion` and `payload`, not `sources` or `traceparent`: applying the old
resource again gives the old revision, and an unchanged payload under a new generation is the same
configuration.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, Field, StringConstraints, model_validator

from kurs.config.resources.envelope import Kind
from kurs.config.resources.event_destination import EventDestinationSpec
from kurs.config.resources.fx_rate_source import FXRateSourceSpec
from kurs.config.resources.risk_threshold import (
    Exposure,
    OnMissingData,
    RiskThresholdSpec,
    Scope,
)
from kurs.config.resources.scalars import Label, Moment, StrictModel, Subdomain, wrong
from kurs.kernel.clock import to_rfc3339

SCHEMA_VERSION = 1
FILE_NAME = "config.json"
"""The one file of a service's configuration folder."""
Revision = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
Traceparent = Annotated[
    str, StringConstraints(pattern=r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
]


class SourceRef(StrictModel):
    """A resource that the document was compiled from, and who edited it last, if that is known."""

    kind: Kind
    name: Subdomain
    uid: Annotated[str, StringConstraints(max_length=64)] = ""
    generation: Annotated[int, Field(strict=True, ge=0)] = 0
    edited_by: Annotated[str, StringConstraints(max_length=128)] | None = None
    edited_at: Moment | None = None

    @property
    def state(self) -> tuple[str, str, str, int]:
        """What is referred to, whoever brought it about."""
        return (self.kind, self.name, self.uid, self.generation)


class LastEdit(BaseModel):
    """Who edited the resources in force last, as the API server notes it: which, by what, when."""

    source: str
    by: str
    at: str


class ConfiguredSource(StrictModel):
    """A rate source in force. `name` stands on quotes."""

    name: Subdomain
    namespace: Label | None = None
    spec: FXRateSourceSpec


class ConfiguredThreshold(StrictModel):
    """A risk threshold in force. `name` stands on decisions."""

    name: Subdomain
    namespace: Label | None = None
    spec: RiskThresholdSpec


class ConfiguredDestination(StrictModel):
    """Where a merchant's events go, suspended or not. `name` stands on deliveries."""

    name: Subdomain
    namespace: Label | None = None
    spec: EventDestinationSpec


class OpenQuotesLimit(StrictModel):
    """The exposure of a threshold, for fx: what one merchant may have quoted at once."""

    name: Subdomain
    scope: Scope = Scope()
    exposure: Exposure
    on_missing_data: OnMissingData = "Review"
    effective_from: Moment | None = None
    effective_until: Moment | None = None


class FxPayload(StrictModel):
    """The rate sources in force, in the order in which fx asks them, and limits of open quotes."""

    rate_sources: tuple[ConfiguredSource, ...] = ()
    # None, not empty: a payload without them is that of the release before.
    open_quotes: tuple[OpenQuotesLimit, ...] | None = None


class RiskPayload(StrictModel):
    """The thresholds in force; all that cover a payment judge it, and the strictest decides."""

    thresholds: tuple[ConfiguredThreshold, ...] = ()


class WebhooksPayload(StrictModel):
    """The destinations, by name."""

    destinations: tuple[ConfiguredDestination, ...] = ()


Payload: TypeAlias = FxPayload | RiskPayload | WebhooksPayload
AnyDocument = TypeVar("AnyDocument", bound="Document")


class Document(StrictModel):
    """What all documents have in common. A document whose revision is not its hash is refused."""

    schema_version: Literal[1] = 1
    revision: Revision
    sources: tuple[SourceRef, ...] = ()
    traceparent: Traceparent | None = None
    """The span that wrote the document, in which the services that apply it continue."""
    payload: Any

    @model_validator(mode="before")
    @classmethod
    def _revision_is_the_hash(cls, content: Any) -> Any:
        # Hashed as received and not as understood: a later version that adds a field with a
        # default must still recognise a document that an earlier one wrote.
        if isinstance(content, dict) and isinstance(content.get("revision"), str):
            expected = revision_of(content.get("payload"))
            if content["revision"] != expected:
                hint = f"the content's hash is {expected}; change the resources, not the document"
                raise wrong("the revision does not fit the payload", hint, "revision")
        return content

    def says_the_same(self, other: "Document") -> bool:
        """Tell whether another document is this one, whoever wrote it and when."""
        mine, theirs = ([s.state for s in document.sources] for document in (self, other))
        return self.revision == other.revision and mine == theirs

    def last_edit(self) -> LastEdit | None:
        """Return the newest edit that is known of, None without any."""
        edits = [
            (source.edited_at, source.name, source.edited_by)
            for source in self.sources
            if source.edited_at is not None and source.edited_by is not None
        ]
        if not edits:
            return None
        at, name, by = max(edits)
        return LastEdit(source=name, by=by, at=to_rfc3339(at))

    @classmethod
    def build(
        cls: type[AnyDocument], payload: Payload, sources: Sequence[SourceRef] = ()
    ) -> AnyDocument:
        """Return the document of `payload`, with its revision."""
        content = payload_content(payload)
        references = [source.model_dump(by_alias=True) for source in sources]
        return cls.model_validate(
            {"revision": revision_of(content), "sources": references, "payload": content}
        )

    def to_json(self) -> str:
        """Return the document as text, the same for the same content."""
        return json.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True), indent=1)


class FxDocument(Document):
    """The configuration of fx."""

    payload: FxPayload


class RiskDocument(Document):
    """The configuration of risk."""

    payload: RiskPayload


class WebhooksDocument(Document):
    """The configuration of webhooks."""

    payload: WebhooksPayload


def digest_of(content: bytes) -> str:
    """Return what tells one written document from another, byte for byte: 16 hex digits."""
    return hashlib.sha256(content).hexdigest()[:16]


def payload_content(payload: Payload) -> dict[str, Any]:
    """Return a payload as plain JSON values, every default written out."""
    return payload.model_dump(mode="json", by_alias=True, exclude_none=True)


def revision_of(payload: object) -> str:
    """Return the revision of a payload: 16 hex digits of the SHA-256 of its canonical JSON."""
    content = {"schemaVersion": SCHEMA_VERSION, "payload": payload}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
