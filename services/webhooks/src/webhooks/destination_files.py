"""The folder of destinations: YAML files, an EventDestination each, read when they change."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kurs.config.manifests import read_manifests
from kurs.config.resources import EventDestination, InvalidResource, parse_destination
from kurs.kernel.files import WatchedFile

_MAX_BYTES = 64 * 1024
_MAX_FILES = 2_000


@dataclass(frozen=True, slots=True)
class DestinationFile:
    """What one file says: the destination and its content as JSON, or what is wrong with it."""

    problem: str = ""
    content: str = ""
    destination: EventDestination | None = None


class DestinationFiles:
    """What the files of a folder say, by name of the file.

    While the folder itself cannot be read, `problem` says why and `found` is what was seen last.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._watched: dict[str, WatchedFile] = {}
        self.found: dict[str, DestinationFile] = {}
        self.problem = ""

    def look(self) -> bool:
        """Read what changed, and return whether anything did; blocks for as long as that takes."""
        before, problem = dict(self.found), self.problem
        try:
            names = sorted(p.name for p in self._folder.iterdir() if p.name.endswith(".yaml"))
        except OSError as error:
            self.problem = f"cannot be read: {error.strerror}"
            return self.problem != problem
        self.problem = ""
        for name in self.found.keys() - set(names):
            self._watched.pop(name, None)
            del self.found[name]
        for name in names[:_MAX_FILES]:
            self._look_at(name)
        for name in names[_MAX_FILES:]:
            self.found[name] = DestinationFile(f"there are more than {_MAX_FILES} files")
        return problem != "" or self.found != before

    def _look_at(self, name: str) -> None:
        watched = self._watched.setdefault(name, WatchedFile(self._folder / name))
        if not watched.changed():
            return
        try:
            content = _read(watched.path)
            destination = parse_destination(content)
        except (InvalidResource, ValueError) as error:
            self.found[name] = DestinationFile(f"{type(error).__name__}: {error}")
        else:
            self.found[name] = DestinationFile("", json.dumps(content), destination)


def _read(path: Path) -> Any:
    if not path.name.isprintable():
        raise ValueError("its name is no text")
    # An alias can make a small file mean gigabytes, and nobody needs one here.
    found = read_manifests(path, max_bytes=_MAX_BYTES, with_aliases=False)
    if len(found) != 1:
        raise ValueError("it holds not one destination; write each into a file of its own")
    return found[0]
