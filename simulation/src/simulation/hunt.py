"""Looks for every planted fault, one at a time: which seed finds it, and by which promise.

Each mutant has an interpreter of its own, since it has to be there before anything is imported.
"""

import re
import subprocess
import sys
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadtest.progress import track
from simulation.mutants import MUTANTS

_FOUND = re.compile(r"seed (\d+) breaks a promise: (.*)")


class Found(NamedTuple):
    """The first seed that found a mutant, and the promise that broke."""

    seed: int
    promise: str


def hunt(seeds: int) -> int:
    """Print a table of all mutants; return 1 when one is not found by so many seeds, else 0."""
    console = Console()
    table = Table("fault", "seeds", "promise that broke", title=f"{len(MUTANTS)} planted faults")
    missed = 0
    with track(console, "faults", len(MUTANTS)) as progress:
        for name in MUTANTS:
            found = look_for(name, seeds)
            missed += found is None
            shown = (
                ("-", "[red]not found[/]") if found is None else (str(found.seed), found.promise)
            )
            table.add_row(escape(name), *shown)
            if not console.is_terminal:
                console.print(f"{name}: {', '.join(shown)}", highlight=False, soft_wrap=True)
            progress.step()
    console.print(table)
    return 1 if missed else 0


def look_for(name: str, seeds: int) -> Found | None:
    """Return the first of seeds 1, 2, … that finds a mutant; raises RuntimeError when none runs."""
    command = [sys.executable, "-m", "simulation", "--mutant", name, "--seeds", str(seeds)]
    done = subprocess.run([*command, "--shrink", "0"], capture_output=True, text=True, check=False)
    match = _FOUND.search(done.stdout)
    if match is None and done.returncode:
        raise RuntimeError(done.stderr)
    return None if match is None else Found(int(match[1]), match[2])
