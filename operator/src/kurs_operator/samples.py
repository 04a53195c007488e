"""A folder of YAML files that stands in for the API server: each file's last good content.

The API server refuses a broken edit and keeps the stored resource; so does this folder, per file.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kurs.config.manifests import UnreadableManifest, read_manifests
from kurs.config.resources import KINDS, EventDestination, InvalidResource, describe, parse_resource
from kurs.kernel.files import Identity as FileIdentity
from kurs.kernel.files import identity
from kurs_operator.ruling import Identity

_DESTINATION = frozenset({EventDestination.__name__})
_SUFFIXES = frozenset({".yaml", ".yml"})
_SETTLE_SECONDS = 0.03
"""An editor that writes in two steps is done by then."""
_SCANS_UNTIL_GONE = 2
"""An editor that renames leaves a gap of no time; a file that is missing twice was deleted."""

Stamp = FileIdentity | int
"""What tells a file from the one before, or the errno of why it cannot be told."""
Content = Mapping[str, Any]


class RefusedFile(ValueError):
    """An edit that is not taken over; `problems` has one line per finding."""

    def __init__(self, problems: tuple[str, ...], kinds: frozenset[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
        self.kinds = kinds


@dataclass(slots=True)
class _File:
    stamp: Stamp | None = None
    good: tuple[Content, ...] | None = None
    problems: tuple[str, ...] = ()
    kinds: frozenset[str] = frozenset()
    missed: int = 0
    at_start: bool = False


@dataclass(slots=True)
class SampleFolder:
    """Scans `roots` for `*.yaml` and `*.yml`, not below them and not hidden ones.

    What lies in `destinations` is an EventDestination, or refused: so whatever cannot be read
    there holds back nothing else.
    """

    roots: Sequence[Path]
    destinations: Path | None = None
    settle_seconds: float = _SETTLE_SECONDS
    _files: dict[Path, _File] = field(default_factory=dict)
    _started: bool = False

    def scan(self) -> list[Path]:
        """Read what changed; return the files whose content or problems may be new.

        Raises OSError when a folder cannot be listed; what was read stays.
        """
        stamps = dict(self._stamps())
        changed = [path for path, stamp in stamps.items() if self._is_new(path, stamp)]
        if changed and self._started:
            time.sleep(self.settle_seconds)
            now = dict(self._stamps())
            changed = [path for path in changed if now.get(path) == stamps[path]]
        gone = self._count_missing(stamps)
        for path in changed:
            self._read(path, stamps[path])
        if changed or gone:
            # A name that was taken may be free by now.
            again = [path for path in self.broken() if path in stamps and path not in changed]
            for path in again:
                self._read(path, stamps[path])
            changed += again
        self._started = True
        return changed + gone

    def resources(self) -> list[Content]:
        """Return the last good resources of all files."""
        return [content for _, file in sorted(self._files.items()) for content in file.good or ()]

    def problems(self, path: Path) -> tuple[str, ...]:
        """Return what is wrong with the newest content of a file."""
        return self._files[path].problems if path in self._files else ()

    def broken(self) -> list[Path]:
        """Return the files whose newest content is refused."""
        return sorted(path for path, file in self._files.items() if file.problems)

    def has_good(self, path: Path) -> bool:
        """Tell whether an earlier content of the file is in force."""
        return path in self._files and self._files[path].good is not None

    def unknown_kinds(self) -> frozenset[str]:
        """Return the kinds of which resources may be missing, since a file was broken at the start.

        Compiling without them could drop a limit that was in force a minute ago.
        """
        unknown = (f.kinds for f in self._files.values() if f.at_start and f.good is None)
        return frozenset(kind for kinds in unknown for kind in kinds)

    def _stamps(self) -> Iterator[tuple[Path, Stamp]]:
        own = () if self.destinations is None else (self.destinations,)
        for path in (path for root in (*self.roots, *own) for path in sorted(root.iterdir())):
            if path.suffix not in _SUFFIXES or path.name.startswith("."):
                continue
            try:
                yield path, identity(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                # Told as what is wrong with this file; the others are read.
                yield path, error.errno or 0

    def _is_new(self, path: Path, stamp: Stamp) -> bool:
        known = self._files.get(path)
        return known is None or known.stamp != stamp

    def _read(self, path: Path, stamp: Stamp) -> None:
        file = self._files.setdefault(path, _File(at_start=not self._started))
        file.stamp = stamp
        try:
            file.good = self._accept(path)
            file.problems, file.kinds = (), frozenset()
        except RefusedFile as refused:
            file.problems, file.kinds = refused.problems, refused.kinds

    def _accept(self, path: Path) -> tuple[Content, ...]:
        try:
            contents = tuple(read_manifests(path))
        except UnreadableManifest as error:
            kinds = _DESTINATION if self._is_destination(path) else error.kinds
            raise RefusedFile((str(error),), kinds) from None
        problems = [line for content in contents for line in _findings(content)]
        if self._is_destination(path):
            problems += [line for content in contents for line in _misplaced(content)]
        problems += self._taken_names(path, contents)
        if problems:
            kinds = frozenset(kind for content in contents for kind in _possible_kinds(content))
            raise RefusedFile(tuple(problems), kinds)
        return contents

    def _is_destination(self, path: Path) -> bool:
        return path.parent == self.destinations

    def _taken_names(self, path: Path, contents: tuple[Content, ...]) -> list[str]:
        names = Counter(Identity.of(content) for content in contents)
        lines = [
            f"{name}: metadata.name: stands {count} times in this file (write another name)"
            for name, count in names.items()
            if count > 1
        ]
        for other, file in list(self._files.items()):
            theirs = {Identity.of(content).key for content in file.good or ()}
            shared = [name for name in names if name.key in theirs]
            if other == path or not shared:
                continue
            if file.missed:
                # The file was renamed to this one.
                del self._files[other]
            else:
                lines += [
                    f"{name}: metadata.name: is taken by {other.name} (write another name)"
                    for name in shared
                ]
        return lines

    def _count_missing(self, stamps: Mapping[Path, Stamp]) -> list[Path]:
        for path, file in self._files.items():
            file.missed = 0 if path in stamps else file.missed + 1
        gone = [path for path, f in self._files.items() if f.missed >= _SCANS_UNTIL_GONE]
        for path in gone:
            del self._files[path]
        return gone


def _findings(content: Content) -> list[str]:
    try:
        parse_resource(content)
    except InvalidResource as error:
        return [f"{Identity.of(content)}: {describe(finding)}" for finding in error.errors]
    return []


def _misplaced(content: Content) -> list[str]:
    if content.get("kind") in _DESTINATION:
        return []
    return [f"{Identity.of(content)}: kind: only EventDestinations lie here (move it to the rest)"]


def _possible_kinds(content: Content) -> frozenset[str]:
    kind = content.get("kind")
    return frozenset({kind}) if isinstance(kind, str) and kind in KINDS else frozenset(KINDS)
