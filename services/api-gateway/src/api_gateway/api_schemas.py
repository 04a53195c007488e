"""Joins the component schemas of several OpenAPI documents without mixing two of one name. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

Document = Mapping[str, Any]
Renamed = dict[str, dict[str, str]]

_PREFIX = "#/components/schemas/"


def merge_schemas(
    own: Document, services: Mapping[str, Document], *, always: Iterable[str] = ()
) -> tuple[dict[str, Any], Renamed]:
    """Return the schemas that are used, and per service the new name of each of its schemas.

    Those of `own` that are named in `always` count as used.

    A schema that several documents agree on is there once, under its name. One that they disagree
    on is there once per service, as `<Service>.<name>`.
    """
    documents = {"": own, **services}
    used = {name: _used(document) for name, document in documents.items()}
    used[""] |= {n: s for n, s in _schemas(own).items() if n in always}
    disputed = _disputed(used)
    merged: dict[str, Any] = {}
    renamed: Renamed = {}
    for service, schemas in used.items():
        names = {n: _new_name(service, n) if n in disputed else n for n in schemas}
        renamed[service] = names
        for name, schema in schemas.items():
            copied = deepcopy(schema)
            rename_references(copied, names)
            merged[names[name]] = copied
    return dict(sorted(merged.items())), renamed


def words_of(document: Document, schema: str, member: str) -> list[str]:
    """Return the words that a member of a schema may be; none while the schema is not known."""
    words: list[str] = (
        _schemas(document).get(schema, {}).get("properties", {}).get(member, {}).get("enum", [])
    )
    return words


def rename_references(node: Any, names: Mapping[str, str]) -> None:
    """Point every reference within `node` to the new name of its schema."""
    for holder, key in _references(node):
        holder[key] = _PREFIX + names.get(_name(holder[key]), _name(holder[key]))


def _new_name(service: str, name: str) -> str:
    return f"{service.capitalize()}.{name}" if service else name


def _used(document: Document) -> dict[str, Any]:
    """Return the schemas that the operations and webhooks of a document reach."""
    schemas = _schemas(document)
    found: dict[str, Any] = {}
    waiting = _names_in([document.get("paths", {}), document.get("webhooks", {})])
    while waiting:
        name = waiting.pop()
        if name not in found and name in schemas:
            found[name] = schemas[name]
            waiting |= _names_in(schemas[name])
    return found


def _schemas(document: Document) -> dict[str, Any]:
    schemas: dict[str, Any] = document.get("components", {}).get("schemas", {})
    return schemas


def _disputed(used: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return the names that mean different things, directly or through what they refer to."""
    versions: defaultdict[str, list[Any]] = defaultdict(list)
    for schemas in used.values():
        for name, schema in schemas.items():
            versions[name].append(schema)
    shared = {name: found for name, found in versions.items() if len(found) > 1}
    disputed = {n for n, found in shared.items() if any(s != found[0] for s in found)}
    while True:
        dragged = {n for n in shared if _names_in(shared[n]) & disputed} - disputed
        if not dragged:
            return disputed
        disputed |= dragged


def _names_in(node: Any) -> set[str]:
    return {_name(holder[key]) for holder, key in _references(node)}


def _name(reference: str) -> str:
    return reference.removeprefix(_PREFIX)


def _references(node: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield where references to schemas stand: `$ref` members, and values of a `mapping`."""
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str) and value.startswith(_PREFIX):
                yield node, key
            else:
                yield from _references(value)
