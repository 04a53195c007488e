"""Who edited a resource last, and when, by what the API server notes of every writer. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

from kurs.config.resources.scalars import parse_moment

_LONGEST_NAME = 128


class Edit(NamedTuple):
    """The writer's name, as `kubectl` or `helm` give it, and microseconds since the epoch."""

    at: int
    by: str


def last_edit(content: Mapping[str, Any]) -> Edit | None:
    """Return the newest edit of the spec of a resource that may break any rule; None for a file."""
    return max(_edits(content), default=None)


def _edits(content: Mapping[str, Any]) -> Iterator[Edit]:
    metadata = content.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, Mapping) else None
    for entry in entries if isinstance(entries, list) else ():
        fields = entry.get("fieldsV1") if isinstance(entry, Mapping) else None
        if not isinstance(fields, Mapping) or "f:spec" not in fields:
            continue
        try:
            at = parse_moment(entry.get("time"))
        except PydanticCustomError:
            continue
        manager = entry.get("manager")
        if isinstance(manager, str) and manager and manager.isprintable():
            yield Edit(at, manager[:_LONGEST_NAME])
