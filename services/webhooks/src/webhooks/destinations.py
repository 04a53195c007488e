"""The destinations in force: a folder of YAML files, each an EventDestination, looked at all along.

A file that cannot be read, or breaks a rule, is told once and leaves its last good version in
force; so an edit that went wrong stops nobody's events.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from structlog.typing import FilteringBoundLogger

from kurs.config.resources import (
    EventDestination,
    EventDestinationSpec,
    InvalidResource,
    parse_destination,
)
from kurs.contracts.payments import EventType, FeedEvent

_MAX_BYTES = 64 * 1024
_MAX_FILES = 2_000
_Seen = tuple[int, int, int]


class _PlainLoader(yaml.SafeLoader):
    """A SafeLoader that takes a moment for text, as JSON does."""


_PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Destinations:
    """Which destinations there are, by name."""

    def __init__(self, folder: Path, logger: FilteringBoundLogger) -> None:
        self._folder = folder
        self._log = logger
        self._files: dict[Path, tuple[_Seen, EventDestination | None]] = {}
        self._problems: dict[Path, str] = {}
        self.loaded = False
        self.in_force: Mapping[str, EventDestinationSpec] = {}

    def look(self) -> None:
        """Take over what changed in the folder; blocks for as long as reading it takes."""
        present = sorted(self._folder.glob("*.yaml"))[:_MAX_FILES] if self._folder.is_dir() else []
        for path in self._files.keys() - set(present):
            del self._files[path]
            self._problems.pop(path, None)
        for path in present:
            self._look_at(path)
        found = self._by_name()
        if found != self.in_force:
            self.in_force = found
        self.loaded = True

    def wanting(self, event: FeedEvent) -> Sequence[str]:
        """Return the names of the destinations that an event goes to."""
        if event.type == EventType.REQUESTED:
            return ()
        specs = self.in_force.items()
        return [name for name, spec in specs if spec.wants(event.merchant, event.type)]

    def of(self, merchant: str) -> Mapping[str, EventDestinationSpec]:
        """Return the destinations of a merchant."""
        return {name: spec for name, spec in self.in_force.items() if spec.merchant == merchant}

    def fingerprints(self) -> Mapping[str, str]:
        """Return what tells one version of each destination from another."""
        return {name: fingerprint_of(spec) for name, spec in self.in_force.items()}

    def _look_at(self, path: Path) -> None:
        try:
            found = path.stat()
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            known = self._files.get(path)
            if known is not None and known[0] == seen:
                return
            last = known[1] if known else None
            self._files[path] = (seen, last)
            self._files[path] = (seen, parse_destination(_read(path)))
        except (OSError, UnicodeDecodeError, yaml.YAMLError, InvalidResource, ValueError) as error:
            self._tell(path, f"{type(error).__name__}: {error}")
        else:
            self._tell(path, "")

    def _by_name(self) -> Mapping[str, EventDestinationSpec]:
        found: dict[str, EventDestinationSpec] = {}
        for path, (_, destination) in sorted(self._files.items()):
            if destination is None:
                continue
            name = destination.metadata.name
            if name in found:
                self._tell(path, f"a destination {name} stands in another file, too")
                continue
            found[name] = destination.spec
        return found

    def _tell(self, path: Path, problem: str) -> None:
        if problem == self._problems.get(path, ""):
            return
        self._problems[path] = problem
        if problem:
            self._log.error(
                "destination not read, the last one holds", file=str(path), error=problem
            )
        else:
            self._log.info("destination is right again", file=str(path))


def _read(path: Path) -> Any:
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"it has more than {_MAX_BYTES} bytes")
    text = content.decode()
    # An alias can make a small file mean gigabytes, and nobody needs one here.
    if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
        raise ValueError("it has an alias (*name); write the value out")
    return yaml.load(text, _PlainLoader)  # noqa: S506 (a SafeLoader)


def fingerprint_of(spec: EventDestinationSpec) -> str:
    """Return what tells this version of a destination from others."""
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()[:16]
