"""The destinations in force: a folder of YAML files, each an EventDestination, looked at all along.

A file that cannot be read, or breaks a rule, is told once and leaves its last good version in
force; so an edit that went wrong stops nobody's events.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from structlog.typing import FilteringBoundLogger

from kurs.config.manifests import read_manifests
from kurs.config.resources import (
    EventDestination,
    EventDestinationSpec,
    InvalidResource,
    parse_destination,
)
from kurs.contracts.payments import EventType, FeedEvent
from kurs.kernel.files import WatchedFile

_MAX_BYTES = 64 * 1024
_MAX_FILES = 2_000


class Destinations:
    """Which destinations there are, by name."""

    def __init__(self, folder: Path, logger: FilteringBoundLogger) -> None:
        self._folder = folder
        self._log = logger
        self._watched: dict[Path, WatchedFile] = {}
        self._files: dict[Path, EventDestination] = {}
        self._problems: dict[Path, str] = {}
        self.loaded = False
        self.in_force: Mapping[str, EventDestinationSpec] = {}

    def look(self) -> None:
        """Take over what changed in the folder; blocks for as long as reading it takes."""
        present = sorted(self._folder.glob("*.yaml"))[:_MAX_FILES] if self._folder.is_dir() else []
        for path in self._watched.keys() - set(present):
            del self._watched[path]
            self._files.pop(path, None)
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
        if not self._watched.setdefault(path, WatchedFile(path)).changed():
            return
        try:
            self._files[path] = parse_destination(_read(path))
        except (InvalidResource, ValueError) as error:
            self._tell(path, f"{type(error).__name__}: {error}")
        else:
            self._tell(path, "")

    def _by_name(self) -> Mapping[str, EventDestinationSpec]:
        found: dict[str, EventDestinationSpec] = {}
        for path, destination in sorted(self._files.items()):
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
    # An alias can make a small file mean gigabytes, and nobody needs one here.
    found = read_manifests(path, max_bytes=_MAX_BYTES, with_aliases=False)
    if len(found) != 1:
        raise ValueError("it holds not one destination; write each into a file of its own")
    return found[0]


def fingerprint_of(spec: EventDestinationSpec) -> str:
    """Return what tells this version of a destination from others."""
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()[:16]
