"""`make simulate`: runs one seed after the other, and tells the first broken promise as a story."""

import argparse
import os
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from loadtest.arguments import amount_in, count_from
from loadtest.progress import Tracker, track
from simulation import mutants
from simulation.hunt import hunt
from simulation.plan import (
    USUAL_FAULTS,
    USUAL_PAYMENTS,
    USUAL_SECONDS,
    Plan,
    Trouble,
    draw,
)

if TYPE_CHECKING:
    from simulation.isolation import Run

_HASH_SEED = "PYTHONHASHSEED"
_FIRST = draw(0, seconds=5, payments=20, troubles=frozenset(), faults=0)


def main() -> int:
    """Run the command line; 0 when every promise held, 1 when one broke."""
    options = _parser().parse_args()
    if os.environ.get(_HASH_SEED) != "0":
        # The order of sets is part of a world: only a new interpreter can fix it.
        os.environ[_HASH_SEED] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "simulation", *sys.argv[1:]])  # noqa: S606
    if options.mutants:
        return hunt(options.seeds)
    if options.mutant:
        mutants.plant(options.mutant)
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    # Not before a mutant is planted.
    from simulation.apps import keep_spare
    from simulation.isolation import outcome_of, outcomes
    from simulation.run import prepared_folder, run
    from simulation.shrink import shrink
    from simulation.speed import measure
    from simulation.story import tell_failure, tell_success

    console = Console()
    first, count = (options.first, options.seeds) if options.seed is None else (options.seed, 1)
    plans = (_plan(seed, options) for seed in range(first, first + count))
    done, broken = [], None
    with prepared_folder() as prepared, track(console, "seeds", count) as progress:
        play = partial(run, prepared=prepared)
        # What one world makes once for all (compiled SQL, described apps) its copies need not.
        play(_FIRST)
        keep_spare(prepared)
        if options.speed:
            return measure(console, play, _cpu_seconds, options.seeds)
        if options.log:
            return _in_parts(console, plans, play, options, progress)
        if options.twice:
            return _twice(console, plans, play)
        for outcome in outcomes(plans, play, jobs=options.jobs):
            if outcome.broken is not None:
                broken = outcome
                break
            done.append(outcome)
            progress.step()
            if options.cpu_seconds and _cpu_seconds() > options.cpu_seconds:
                break
        if broken is not None:
            shortest = shrink(broken, lambda plan: outcome_of(plan, play), options.shrink)
            tell_failure(console, broken, shortest, _command(broken.plan.seed, options))
            return 1
    tell_success(console, done, _cpu_seconds())
    if options.seed is not None:
        console.print(f"trace {done[0].trace}", highlight=False)
    return 0


def _in_parts(
    console: Console,
    plans: Iterable[Plan],
    run: "Run",
    options: argparse.Namespace,
    progress: Tracker,
) -> int:
    """Run the plans that a log does not have, through every broken promise."""
    from simulation.isolation import outcomes
    from simulation.logbook import Logbook

    book = Logbook(options.log)
    for outcome in outcomes(book.left(plans), run, jobs=options.jobs):
        book.add(outcome)
        progress.step()
        if options.cpu_seconds and _cpu_seconds() > options.cpu_seconds:
            break
    return book.tell(console)


def _twice(console: Console, plans: Iterable[Plan], run: "Run") -> int:
    """Run each plan alone and after the others, and compare the traces of both."""
    from simulation.isolation import outcome_of

    differ = 0
    for plan in plans:
        outcome = outcome_of(plan, run)
        alone, among_others = outcome.trace, run(plan).trace
        differ += alone != among_others or outcome.broken is not None
        same = "twice" if alone == among_others else f"and {among_others}"
        console.print(f"seed {plan.seed}: {alone} {same}", highlight=False, soft_wrap=True)
    return 1 if differ else 0


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _plan(seed: int, options: argparse.Namespace) -> Plan:
    return draw(
        seed,
        seconds=options.hours * 3600,
        payments=options.payments,
        troubles=_troubles(options.faults),
        faults=options.troubles,
    )


def _troubles(text: str) -> frozenset[Trouble]:
    if text in ("all", "none"):
        return frozenset(Trouble) if text == "all" else frozenset()
    return frozenset(Trouble(name) for name in text.split(","))


def _command(seed: int, options: argparse.Namespace) -> str:
    plain = _parser().parse_args([])
    given = {
        "HOURS": (options.hours, plain.hours),
        "FAULTS": (options.faults, plain.faults),
        "PAYMENTS": (options.payments, plain.payments),
    }
    changed = "".join(
        f" {name}={value}" for name, (value, usual) in given.items() if value != usual
    )
    return f"make simulate SEED={seed}{changed}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seed", type=count_from(0), help="this one only, with its trace's hash")
    parser.add_argument("--first", type=count_from(0), default=1, help="the first of several seeds")
    parser.add_argument("--seeds", type=count_from(1), default=12)
    parser.add_argument("--log", type=Path, help="keep a line a seed, and run what is not in it")
    usual, sessions, faults = USUAL_SECONDS / 3600, USUAL_PAYMENTS, USUAL_FAULTS
    parser.add_argument("--hours", type=amount_in, default=usual, help="virtual hours with faults")
    parser.add_argument("--payments", type=count_from(1), default=sessions, help="of a seed")
    parser.add_argument("--troubles", type=count_from(0), default=faults, help="of a seed")
    known = ", ".join(Trouble)
    parser.add_argument("--faults", default="all", help=f"all, none, or some of: {known}")
    parser.add_argument("--cpu-seconds", type=amount_in, default=0, help="stop after so much CPU")
    parser.add_argument("--mutants", action="store_true", help="look for every planted fault")
    parser.add_argument("--mutant", help="plant a fault into the shipped code first")
    parser.add_argument(
        "--jobs", type=count_from(0), default=1, help="seeds at once, each a process; 0: none"
    )
    parser.add_argument("--twice", action="store_true", help="compare the traces of two runs")
    parser.add_argument("--speed", action="store_true", help="measure worlds of each kind")
    parser.add_argument(
        "--shrink", type=count_from(0), default=120, help="runs for a shorter story"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
