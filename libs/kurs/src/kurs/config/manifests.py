"""Reads YAML manifests as the API server would see them: plain JSON values and no surprises.

YAML silently turns `2026-12-01T00:00:00Z` into a date and lets a key stand twice; Kubernetes does
neither, and neither does this reader.
"""

import stat
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from kurs.config.resources import API_VERSION, KINDS

MAX_FILE_BYTES = 1024 * 1024
MAX_DOCUMENTS = 200
MAX_VALUES = 200_000
"""Aliases and merge keys can make a small file mean gigabytes."""
_MERGE = "tag:yaml.org,2002:merge"
_GROUP = API_VERSION.split("/", maxsplit=1)[0]


class UnreadableManifest(ValueError):
    """A file that cannot be read as YAML manifests; the message says where and why.

    `kinds` are those of which it may hold resources: all, where its text names none.
    """

    kinds = frozenset(KINDS)


class _StrictLoader(yaml.SafeLoader):
    """A SafeLoader without timestamps, repeated keys, and merges of merges that never end."""

    merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        for key, value in node.value:
            if key.tag == _MERGE:
                parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
                self._bound(key, [part for part in parts if isinstance(part, yaml.MappingNode)])
        super().flatten_mapping(node)

    def _bound(self, key: yaml.Node, merged: list[yaml.MappingNode]) -> None:
        for part in merged:
            self.flatten_mapping(part)
            self.merged += len(part.value)
            if self.merged > MAX_VALUES:
                raise _misplaced(key, f"it merges more than {MAX_VALUES} values")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _misplaced(key_node, "a key is not text; put it in quotes")
            if key in seen:
                raise _misplaced(key_node, f"the key {key!r} stands twice")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_manifests(
    file: Path, *, max_bytes: int = MAX_FILE_BYTES, with_aliases: bool = True
) -> list[Mapping[str, Any]]:
    """Return the Kurs resources of a file; other kinds of objects in it are left out.

    Raises UnreadableManifest for a file that is unreadable, too large, not YAML, or empty, or that
    holds something other than mappings, or aliases where there may be none.
    """
    text = _content(file, max_bytes)
    try:
        return _resources(text, with_aliases)
    except UnreadableManifest as unreadable:
        named = frozenset(kind for kind in KINDS if kind.encode() in text)
        unreadable.kinds = named or unreadable.kinds
        raise


def _resources(text: bytes, with_aliases: bool) -> list[Mapping[str, Any]]:
    contents: list[Mapping[str, Any]] = []
    for position, content in enumerate(_documents(text, with_aliases), start=1):
        if not isinstance(content, Mapping):
            raise UnreadableManifest(
                f"document {position}: is not a mapping (write apiVersion, kind, metadata and spec)"
            )
        contents.append(content)
    if not contents:
        raise UnreadableManifest("the file is empty (delete it to remove its resources)")
    return [content for content in contents if _is_ours(content)]


def _misplaced(node: yaml.Node, problem: str) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _documents(text: bytes, with_aliases: bool) -> list[Any]:
    try:
        if not with_aliases:
            _refuse_aliases(text)
        loaded = list(yaml.load_all(text, _StrictLoader))
    except UnreadableManifest:
        raise
    except yaml.MarkedYAMLError as error:
        raise UnreadableManifest(_located(error)) from None
    except Exception as error:
        # Not only YAMLError: `!!int ""` is an IndexError in PyYAML, `!!bool x` a KeyError.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UnreadableManifest(f"not YAML: {reason}") from None
    _require_plain(loaded)
    documents = [document for document in loaded if document is not None]
    if len(documents) > MAX_DOCUMENTS:
        raise UnreadableManifest(f"the file has more than {MAX_DOCUMENTS} documents")
    return [item for document in documents for item in _items(document)]


def _refuse_aliases(text: bytes) -> None:
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
        raise UnreadableManifest("it has an alias (*name); write the value out")


def _content(file: Path, max_bytes: int) -> bytes:
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            # A pipe would be waited for.
            raise UnreadableManifest("is no file")
        with file.open("rb") as stream:
            content = stream.read(max_bytes + 1)
    except OSError as error:
        raise UnreadableManifest(f"cannot be read: {error.strerror}") from None
    if len(content) > max_bytes:
        raise UnreadableManifest(f"the file has more than {max_bytes} bytes")
    return content


def _require_plain(loaded: list[Any]) -> None:
    """Raise unless these are values that JSON knows, and with every alias written out not many."""
    count, left = 0, list(loaded)
    while left:
        value = left.pop()
        count += 1
        if count > MAX_VALUES:
            raise UnreadableManifest(f"with its aliases it has more than {MAX_VALUES} values")
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif not isinstance(value, str | int | float | None):
            raise UnreadableManifest(f"holds a {type(value).__name__}, which JSON does not know")


def _items(document: Any) -> list[Any]:
    if isinstance(document, Mapping) and document.get("kind") == "List":
        items = document.get("items")
        return items if isinstance(items, list) else [document]
    return [document]


def _is_ours(content: Mapping[str, Any]) -> bool:
    # A misspelt group or kind must not make a resource vanish without a word.
    group = str(content.get("apiVersion", _GROUP)).split("/", maxsplit=1)[0]
    return group == _GROUP or content.get("kind", "") in KINDS or "kind" not in content


def _located(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
    what = error.problem or error.context or "cannot be parsed"
    return f"{where}not YAML: {what}"
