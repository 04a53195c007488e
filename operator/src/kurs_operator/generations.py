"""Numbers the edits of resources where no API server does: `metadata.generation` for files."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kurs.config.resources import (
    Document,
    FxDocument,
    FXRateSourceSpec,
    RiskDocument,
    RiskThresholdSpec,
    parse_resource,
)

Key = tuple[str, str, str]


@dataclass(slots=True)
class Generations:
    """One number per resource, raised whenever its spec changes, as in a cluster.

    A resource that states its own generation keeps it.
    """

    _known: dict[Key, tuple[int, str]] = field(default_factory=dict)

    def resume(self, document: Document) -> None:
        """Go on from the numbers of an earlier run's document."""
        if isinstance(document, FxDocument):
            for source in document.payload.rate_sources:
                self._resume(document, "FXRateSource", source.namespace, source.name, source.spec)
        if isinstance(document, RiskDocument):
            for limit in document.payload.thresholds:
                self._resume(document, "RiskThreshold", limit.namespace, limit.name, limit.spec)

    def number(self, contents: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return valid resources with a generation each; raises InvalidResource for another."""
        return [self._numbered(content) for content in contents]

    def _numbered(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        resource = parse_resource(content)
        if resource.metadata.generation is not None:
            return content
        key = (resource.kind, resource.metadata.namespace or "", resource.metadata.name)
        generation, known = self._known.get(key, (0, ""))
        current = _fingerprint(resource.spec)
        if current != known:
            generation += 1
            self._known[key] = (generation, current)
        return {**content, "metadata": {**content["metadata"], "generation": generation}}

    def _resume(
        self,
        document: Document,
        kind: str,
        namespace: str | None,
        name: str,
        spec: FXRateSourceSpec | RiskThresholdSpec,
    ) -> None:
        for source in document.sources:
            if (source.kind, source.name) == (kind, name):
                key = (kind, namespace or "", name)
                self._known[key] = (source.generation, _fingerprint(spec))


def _fingerprint(spec: FXRateSourceSpec | RiskThresholdSpec) -> str:
    return json.dumps(spec.model_dump(mode="json"), sort_keys=True)
