"""The destinations in force: what the files say; of one that cannot be read its last good version.

The last good versions are kept in the database: so an edit that went wrong stops nobody's events,
whichever replica reads it, and whenever that one was started. A file that is removed is gone.
"""

import asyncio
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from kurs.config.resources import (
    EventDestination,
    EventDestinationSpec,
    InvalidResource,
    parse_destination,
)
from kurs.contracts.payments import EventType, FeedEvent
from kurs.data.database import Database
from webhooks.destination_files import DestinationFile, DestinationFiles
from webhooks.store.kept import keep


class Destinations:
    """Which destinations there are, by name."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        logger: FilteringBoundLogger,
    ) -> None:
        self._files = DestinationFiles(folder)
        self._folder = folder
        self._database = database
        self._log = logger
        self._by_file: Mapping[str, EventDestination] = {}
        self.problems: Mapping[str, str] = {}
        """What is wrong, by file."""
        self._is_kept = False
        self.loaded = False
        self.in_force: Mapping[str, EventDestinationSpec] = {}

    async def look(self) -> None:
        """Take over what changed in the folder once it is kept; raises DatabaseUnavailable."""
        changed = await asyncio.to_thread(self._files.look)
        self._is_kept = self._is_kept and not changed
        if self._is_kept:
            return
        files, unseen = self._files.found, self._files.problem
        good = {name: file.content for name, file in files.items() if file.destination}
        present = None if unseen else list(files)
        kept = await self._database.write(partial(keep, good=good, present=present))
        self._is_kept = True
        names = {*kept, *self._by_file} if unseen else set(files)
        self._take_over(names, kept)
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

    def _take_over(self, files: Collection[str], kept: Mapping[str, str]) -> None:
        """Let hold what these files say, or said last, and tell what is wrong with them."""
        by_file: dict[str, EventDestination] = {}
        by_name: dict[str, EventDestinationSpec] = {}
        problems: dict[str, str] = {}
        for file in sorted(files):
            seen = self._files.found.get(file, DestinationFile(self._files.problem))
            holding = seen.destination or self._last(file, kept.get(file))
            if seen.problem:
                held = (
                    "nothing" if holding is None else f"its last version, {holding.metadata.name}"
                )
                problems[file] = f"{seen.problem}; {held} holds"
            if holding is None:
                continue
            by_file[file] = holding
            name = holding.metadata.name
            if name in by_name:
                problems[file] = f"a destination {name} stands in another file, too"
            else:
                by_name[name] = holding.spec
        self._by_file = by_file
        if by_name != self.in_force:
            self.in_force = by_name
        self._tell(problems)

    def _last(self, file: str, kept: str | None) -> EventDestination | None:
        """Return what a file held before it was wrong, as whichever replica read it last."""
        try:
            return self._by_file.get(file) if kept is None else parse_destination(json.loads(kept))
        except InvalidResource:
            # Of a release that knows more than this one.
            return self._by_file.get(file)

    def _tell(self, problems: Mapping[str, str]) -> None:
        """Say what is wrong and was not, and what is not any more."""
        for file, problem in problems.items():
            if problem != self.problems.get(file):
                path = str(self._folder / file)
                self._log.error("destination not read", file=path, error=problem)
        for file in self.problems.keys() - problems.keys():
            self._log.info("destination is right again", file=str(self._folder / file))
        self.problems = problems


def fingerprint_of(spec: EventDestinationSpec) -> str:
    """Return what tells this version of a destination from others."""
    return hashlib.sha256(spec.model_dump_json().encode()).hexdigest()[:16]
