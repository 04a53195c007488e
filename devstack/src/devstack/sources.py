"""Which processes must start again because their source changed."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from devstack.topology import OPERATOR, SERVICES

Stamps = Mapping[Path, int]
_SHARED = Path("libs/kurs/src")


class SourceWatch:
    """Compares the time stamps of the Python files under each process's folders."""

    def __init__(self, root: Path) -> None:
        shared = root / _SHARED
        sources = {service.name: root / "services" / service.name for service in SERVICES}
        sources[OPERATOR] = root / OPERATOR
        self._folders = {name: (shared, source / "src") for name, source in sources.items()}
        self._seen = {name: self._stamps(name) for name in self._folders}

    def changed(self) -> list[str]:
        """Return the services (and `operator`) whose files changed since the last call."""
        found = []
        for name in self._folders:
            stamps = self._stamps(name)
            if stamps != self._seen[name]:
                self._seen[name] = stamps
                found.append(name)
        return found

    def _stamps(self, name: str) -> Stamps:
        return dict(
            stamp for folder in self._folders[name] if folder.is_dir() for stamp in _files(folder)
        )


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in files:
            path = Path(parent, name)
            try:
                yield path, path.stat().st_mtime_ns
            except FileNotFoundError:
                # An editor replaced the file between the listing and the look at it.
                continue
