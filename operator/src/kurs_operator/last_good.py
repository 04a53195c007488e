"""Keeps in force what stood before an edit that is refused. Pure.

The API server refuses most mistakes, but not all: it knows no list of currencies. Such an edit is
told so, and the generation before it, which stands in the document in force, goes on. To drop a
limit or a rate because of a typo in it would be worse.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from kurs.config.resources import (
    Document,
    FxDocument,
    InvalidResource,
    RiskDocument,
    WebhooksDocument,
    parse_resource,
)
from kurs_operator.ruling import Identity, Ruling, refused

Content = Mapping[str, Any]


def hold_last_good(
    resources: Iterable[Content], documents: Iterable[Document]
) -> tuple[list[Content], dict[str, Ruling]]:
    """Return what to compile, and by uid the rulings on what its last good self stands for.

    Of two documents the newer generation counts, and of the same one the later document's: so a
    ConfigMap that was edited by hand does not stand against what was written into it.
    """
    held = in_force(documents)
    compiled: list[Content] = []
    refused_edits: dict[str, Ruling] = {}
    for content in resources:
        identity = Identity.of(content)
        good = held.get((identity.kind, identity.name, identity.uid))
        try:
            parse_resource(content)
        except InvalidResource as error:
            if good is not None and identity.uid:
                compiled.append(restored(content, *good))
                refused_edits[identity.uid] = _kept(identity, error, good[0])
                continue
        compiled.append(content)
    return compiled, refused_edits


def with_refused(rulings: Iterable[Ruling], refused_edits: Mapping[str, Ruling]) -> list[Ruling]:
    """Return the rulings with those on refused edits in place of their last good selves'."""
    return [refused_edits.get(ruling.identity.uid, ruling) for ruling in rulings]


def _kept(identity: Identity, error: InvalidResource, generation: int) -> Ruling:
    ruling = refused(identity, error)
    message = f"{ruling.message}; generation {generation} stays in force"
    return replace(ruling, message=message, kept=generation)


def restored(content: Content, generation: int, spec: Content) -> Content:
    """Return a resource as it was in an earlier generation."""
    # Who made that edit is not who set what is in force.
    metadata = {**content["metadata"], "generation": generation, "managedFields": []}
    return {**content, "metadata": metadata, "spec": spec}


def in_force(
    documents: Iterable[Document],
) -> dict[tuple[str, str, str], tuple[int, Content]]:
    """Return generation and spec of all that documents hold, by kind, name and uid."""
    found: dict[tuple[str, str, str], tuple[int, Content]] = {}
    for document in documents:
        specs = {part.name: part.spec for part in parts_of(document)}
        for source in document.sources:
            spec = specs[source.name].model_dump(mode="json", by_alias=True, exclude_none=True)
            key = (source.kind, source.name, source.uid)
            if key not in found or found[key][0] <= source.generation:
                found[key] = (source.generation, spec)
    return found


def parts_of(document: Document) -> tuple[Any, ...]:
    """Return what the resources of a document became in it."""
    if isinstance(document, FxDocument):
        return document.payload.rate_sources
    if isinstance(document, WebhooksDocument):
        return document.payload.destinations
    return document.payload.thresholds if isinstance(document, RiskDocument) else ()
