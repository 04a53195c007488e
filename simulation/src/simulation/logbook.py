"""The log of a long run: one line for each seed, so that many of them can be run in parts.

A seed that the log has is not run again. Two logs of the same seeds are to be the same, whatever
computer and whichever Python wrote them.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from simulation.plan import Plan
from simulation.run import Outcome


class Logbook:
    """What is known of seeds, in a file of JSON lines."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.lines: dict[int, dict[str, Any]] = {}
        if file.exists():
            # The last line is half there if whoever wrote it was killed: it is run once more.
            whole = file.read_text("utf-8").rpartition("\n")[0]
            file.write_text(f"{whole}\n" if whole else "", "utf-8")
            lines = map(json.loads, whole.splitlines())
            self.lines = {line["seed"]: line for line in lines}

    def left(self, plans: Iterable[Plan]) -> Iterator[Plan]:
        """Yield the plans whose seeds are not known yet."""
        return (plan for plan in plans if plan.seed not in self.lines)

    def add(self, outcome: Outcome) -> None:
        """Write down what became of a plan."""
        broken = outcome.broken
        line = {
            "seed": outcome.plan.seed,
            "trace": outcome.trace,
            "seconds": round(outcome.seconds),
            "payments": outcome.counts["payments"],
            "broken": broken and broken.promise,
            "seen": broken and broken.seen,
        }
        self.lines[outcome.plan.seed] = line
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def tell(self, console: Console) -> int:
        """Print what is known by now; return 1 when a promise broke, else 0."""
        broken = [line for line in self.lines.values() if line["broken"]]
        days = sum(line["seconds"] for line in self.lines.values()) / 86_400
        payments = sum(line["payments"] for line in self.lines.values())
        console.print(
            f"{len(self.lines):,} seeds, {days:.1f} virtual days, {payments:,} payments, "
            f"{len(broken)} broken promises",
            highlight=False,
        )
        for line in broken:
            console.print(f"seed {line['seed']}: {line['broken']}", highlight=False, markup=False)
        return 1 if broken else 0
