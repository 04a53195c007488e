"""Tells a person what a run was: what was asked, what went wrong, what broke, how to rerun it."""

from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from simulation.plan import Plan
from simulation.run import Outcome

_SHOWN_LINES = 80


def tell_failure(console: Console, found: Outcome, shortest: Outcome, command: str) -> None:
    """Print a broken promise with the shortest story of it that was found."""
    assert shortest.broken is not None
    plan = shortest.plan
    console.print(f"[bold red]seed {plan.seed} breaks a promise[/]: {shortest.broken.promise}")
    console.print(f"  seen: {escape(shortest.broken.seen)}", highlight=False, soft_wrap=True)
    console.print(
        f"  {_size(found.plan)}, of which {_size(plan)} are needed; again: [bold]{command}[/]"
    )
    for line in shortest.story[-_SHOWN_LINES:]:
        style = "yellow" if "! " in line else None
        console.print(f"  {escape(line)}", style=style, highlight=False, soft_wrap=True)


def tell_success(console: Console, outcomes: Iterable[Outcome], cpu_seconds: float) -> None:
    """Print what was simulated, in numbers."""
    counts: Counter[str] = Counter()
    seconds, runs = 0.0, 0
    for outcome in outcomes:
        counts.update(outcome.counts)
        seconds += outcome.seconds
        runs += 1
    table = Table("what", "how often", title=f"{runs} seeds, no promise broken")
    for name in sorted(counts):
        table.add_row(name, f"{counts[name]:,}")
    console.print(table)
    days = seconds / 86_400
    console.print(
        f"{days:.2f} virtual days in {cpu_seconds:.0f} s of CPU: "
        f"{seconds / cpu_seconds:.0f} times real time, "
        f"{counts['payments'] / cpu_seconds:.0f} payments/s of one core",
        highlight=False,
    )


def _size(plan: Plan) -> str:
    return f"{len(plan.sessions)} sessions and {len(plan.faults)} faults"
