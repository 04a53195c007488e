"""The destinations in force, as the newest good document has them.

Which those are is kept in the database before it holds (`kept.py`): so a replica that starts beside
a document that went wrong, or without one, knows what the others know, and passes no event by.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence

from kurs.config.resources import EventDestinationSpec, WebhooksDocument
from kurs.contracts.payments import EventType, FeedEvent
from webhooks.domain.version import Version


class Destinations:
    """Which destinations there are, by name."""

    def __init__(self) -> None:
        self.loaded = False
        self.in_force: Mapping[str, EventDestinationSpec] = {}
        self._of: Mapping[str, Mapping[str, EventDestinationSpec]] = {}

    def apply(self, document: WebhooksDocument) -> None:
        """Let hold what a document says."""
        named = {each.name: each.spec for each in document.payload.destinations}
        if named != self.in_force:
            self.in_force = named
            by_merchant: dict[str, dict[str, EventDestinationSpec]] = {}
            for name, spec in named.items():
                by_merchant.setdefault(spec.merchant, {})[name] = spec
            self._of = by_merchant
        self.loaded = True

    @property
    def merchants(self) -> Collection[str]:
        """Whose events go anywhere."""
        return self._of.keys()

    def wanting(self, event: FeedEvent) -> Sequence[str]:
        """Return the names of the destinations that an event goes to."""
        if event.type == EventType.REQUESTED:
            return ()
        specs = self.of(event.merchant).items()
        return [name for name, spec in specs if spec.wants(event.merchant, event.type)]

    def of(self, merchant: str) -> Mapping[str, EventDestinationSpec]:
        """Return the destinations of a merchant."""
        return self._of.get(merchant, {})

    def versions(self) -> Mapping[str, Version]:
        """Return the version of each destination that is in force."""
        specs = self.in_force.items()
        return {name: Version(fingerprint_of(spec), spec.merchant) for name, spec in specs}


def fingerprint_of(spec: EventDestinationSpec) -> str:
    """Return what tells this version of a destination from others."""
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()[:16]
