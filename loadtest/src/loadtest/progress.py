"""Progress of a bounded piece of work: a bar in a terminal, a line per tenth in a pipe."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)


class Tracker(Protocol):
    """What the work reports to."""

    def step(self) -> None:
        """Report one more item done."""

    def at(self, done: int, total: int) -> None:
        """Report how many items are done, of how many."""


@contextmanager
def track(console: Console, label: str, total: int = 0) -> Iterator[Tracker]:
    """Show progress under `label` while the block runs; `total` may become known later."""
    if not console.is_terminal:
        yield _Lines(console, label, total)
        return
    columns = (
        TextColumn("{task.description:<30}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield _Bar(progress, progress.add_task(label, total=total or None))


class _Bar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def step(self) -> None:
        self._progress.advance(self._task)

    def at(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total)


class _Lines:
    def __init__(self, console: Console, label: str, total: int) -> None:
        self._console = console
        self._label = label
        self._total = total
        self._done = 0
        self._tenth = 0

    def step(self) -> None:
        self.at(self._done + 1, self._total)

    def at(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        tenth = done * 10 // total if total else 0
        if tenth > self._tenth:
            self._tenth = tenth
            self._console.print(f"{self._label}: {done} of {total}", highlight=False)
