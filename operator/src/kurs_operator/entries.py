"""One resource on its way into a document: all that is read of it, what it claims, how it ranks.

Everything about a resource that can fail fails here, alone, before it meets the others.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from kurs.config.resources import (
    ConfiguredDestination,
    ConfiguredSource,
    ConfiguredThreshold,
    EventDestinationSpec,
    FXRateSource,
    FXRateSourceSpec,
    InvalidResource,
    Resource,
    RiskThreshold,
    RiskThresholdSpec,
    SourceRef,
    parse_resource,
    reading,
)
from kurs.kernel.clock import to_rfc3339
from kurs_operator.conflicts import Claim, claim_of
from kurs_operator.edits import last_edit
from kurs_operator.ruling import Identity, Ruling, refused

Part = ConfiguredSource | ConfiguredThreshold | ConfiguredDestination


@dataclass(frozen=True)
class Entry:
    """A resource whose spec is right, as it would stand in a document.

    `created` orders by age, in microseconds; `text` is the JSON of `part`.
    """

    identity: Identity
    part: Part
    reference: SourceRef
    created: float
    text: str
    claim: Claim | None
    ruling: Ruling | None = None
    """What to say of it when it stands in the document, if not that it is in force."""

    @property
    def timed(self) -> FXRateSourceSpec | RiskThresholdSpec:
        """The spec of what has a priority and a window of time: all but a destination."""
        spec = self.part.spec
        assert not isinstance(spec, EventDestinationSpec)
        return spec

    @property
    def priority(self) -> int:
        """The higher one comes first; destinations are all alike."""
        return 0 if isinstance(self.part, ConfiguredDestination) else self.part.spec.priority

    @cached_property
    def rank(self) -> tuple[int, float, tuple[str, str, str], int, str, str]:
        """Who comes first: the higher priority, then the older, then the name.

        The rest orders two that claim one name, which only files can do.
        """
        identity = self.identity
        return (
            -self.priority,
            self.created,
            identity.key,
            -identity.generation,
            self.text,
            identity.uid,
        )

    @property
    def place(self) -> tuple[int, str, str]:
        """The place in the document: by content alone, so that age does not change the revision."""
        return (-self.priority, self.identity.namespace, self.identity.name)

    def with_ruling(self, ruling: Ruling) -> "Entry":
        """Return the entry with what to say of it."""
        return replace(self, ruling=ruling)


def read_entry(content: object) -> Entry | Ruling:
    """Read a resource that may break any rule: an entry, or the ruling that refuses it."""
    identity = Identity.of(content)
    try:
        resource = parse_resource(content)
        with reading():
            return _entry(identity, resource, content)
    except InvalidResource as error:
        return refused(identity, error)


def _entry(identity: Identity, resource: Resource, content: object) -> Entry:
    assert isinstance(content, Mapping), "what was parsed is a mapping"
    metadata, edit = resource.metadata, last_edit(content)
    owner = {"name": metadata.name, "namespace": metadata.namespace}
    part: Part
    claim: Claim | None = None
    if isinstance(resource, FXRateSource):
        part, claim = ConfiguredSource(**owner, spec=resource.spec), claim_of(resource.spec)
    elif isinstance(resource, RiskThreshold):
        part, claim = ConfiguredThreshold(**owner, spec=resource.spec), claim_of(resource.spec)
    else:
        part = ConfiguredDestination(**owner, spec=resource.spec)
    values = part.model_dump(mode="json", by_alias=True, exclude_none=True)
    # A service reads what was written, which must be what was judged.
    if type(part).model_validate(values) != part:
        raise ValueError("it is another after it was written")
    created = metadata.creation_timestamp
    return Entry(
        identity,
        part,
        SourceRef(
            kind=resource.kind,
            name=metadata.name,
            uid=identity.uid,
            generation=identity.generation,
            editedBy=edit and edit.by,
            editedAt=edit and to_rfc3339(edit.at),
        ),
        float("inf") if created is None else created,
        json.dumps(values, sort_keys=True),
        claim,
    )
