"""Numbers the edits of resources where no API server does: `metadata.generation` for files."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kurs.config.resources import Document, parse_resource
from kurs.config.resources.scalars import StrictModel
from kurs_operator.last_good import parts_of

Key = tuple[str, str, str]


@dataclass(slots=True)
class Generations:
    """One number per resource, raised whenever its spec changes, as in a cluster.

    A resource that states its own generation keeps it.
    """

    _known: dict[Key, tuple[int, str]] = field(default_factory=dict)

    def resume(self, document: Document) -> None:
        """Go on from the numbers of an earlier run's document."""
        parts = {part.name: part for part in parts_of(document)}
        for source in document.sources:
            part = parts[source.name]
            key = (source.kind, part.namespace or "", source.name)
            self._known[key] = (source.generation, _fingerprint(part.spec))

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


def _fingerprint(spec: StrictModel) -> str:
    return json.dumps(spec.model_dump(mode="json"), sort_keys=True)
